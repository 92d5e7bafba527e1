"""The process that gives the work of a run to a cluster: python -m hypergraph_ray.driver JOB.

It writes messages to standard output as lines of JSON. When its standard input ends, it lets all chunks finish their
step and save, writes what they send, and ends; jobs it leaves undone. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

import msgspec

from hypergraph.engines.process import STOPPED, Failed
from hypergraph.errors import HypergraphError
from hypergraph.runs.directory import RunDirectory
from hypergraph_ray.cluster import joined, look
from hypergraph_ray.jobs import Jobs
from hypergraph_ray.messages import Job
from hypergraph_ray.training import Training


def work(job: Job, messages: TextIO) -> int:
    """Do a job. Returns the exit status. Raises HypergraphError."""

    def tell(line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the engine is gone: standard input ends too, and stops us
            messages.buffer.write(line + b"\n")
            messages.flush()

    at_the_end: list[Callable[[], object]] = [lambda: os._exit(STOPPED)]  # Ray may take long to join
    lines = SimpleQueue[str]()
    threading.Thread(target=_obey_input, args=(at_the_end, lines), daemon=True).start()
    with joined(job.address) as head:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the engine decides
        tell(msgspec.json.encode(look(job.device, head)))
        if not job.run:
            return 0
        run = RunDirectory.open(Path(job.run))
        if job.function:
            Jobs(run, job, head, tell, lines).work()
            return 0
        training = Training(run, job, head, tell)
        at_the_end.append(training.stop)
        training.work()
        return 0 if all(chunk.trained.exists() for chunk in run.chunks) else STOPPED


def _obey_input(at_the_end: Sequence[Callable[[], object]], lines: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    at_the_end[-1]()


def main(job: str) -> int:
    """The command. Returns its exit status."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Ray prints goes to the log
    try:
        return work(msgspec.json.decode(job, type=Job), messages)
    except HypergraphError as error:
        messages.buffer.write(msgspec.json.encode(Failed(str(error))) + b"\n")
        messages.flush()
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
