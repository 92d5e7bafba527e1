"""A worker process of the local engine, for one chunk: python -m hypergraph.engines.worker RUN FIRST LAST.

What the chunk tells goes to standard output, a line of JSON each. The worker stops, after the step it is at and saving,
when its standard input ends, so that it never outlives whoever started it, or at SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO, TypeAlias

import msgspec
import torch

from hypergraph.engines.chunk import train_chunk
from hypergraph.errors import HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import TrainingEvent

STOPPED = 3
"""Exit status of a worker that was asked to stop and saved."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker ends, and why."""

    reason: str


Message: TypeAlias = TrainingEvent | Failed
"""What a worker tells."""


def train(path: str, first: str, last: str, reports: TextIO) -> bool:
    """Train members FIRST to LAST of the run in `path`, until asked to stop. Returns whether the end was reached."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_stop_with_input, args=(stop,), daemon=True).start()
    run = RunDirectory.open(Path(path))
    torch.set_num_threads(run.config.threads)  # what OMP_NUM_THREADS says is cut to the number of cores
    chunk = Chunk(run.training, range(int(first), int(last) + 1))
    return train_chunk(run, chunk, lambda event: _tell(event, reports), stop)


def _stop_with_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _tell(message: object, reports: TextIO) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever listened is gone: standard input ends too, and stops us
        print(msgspec.json.encode(message).decode(), file=reports, flush=True)


def main(path: str, first: str, last: str) -> int:
    """The command. Returns its exit status."""
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a plugin prints goes to the log, not between the reports
    try:
        return 0 if train(path, first, last, reports) else STOPPED
    except BaseException as error:  # a plugin may end with sys.exit, or raise whatever it likes
        told = error if isinstance(error, HypergraphError) else attribute_error(error)
        if told is None:
            raise
        _tell(Failed(str(told)), reports)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
