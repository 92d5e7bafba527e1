"""A worker process for one chunk: python -m hypergraph.engines.worker RUN FIRST LAST.

The worker writes each event to standard output as a line of JSON. At SIGTERM, or when its standard input ends, it
finishes its step, saves and stops: so it does not outlive the process that started it. A line PAUSE on its standard
input lets it wait at its next event, until a line CONTINUE.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec
import torch

from hypergraph.engines.chunk import train_chunk
from hypergraph.engines.process import STOPPED, Failed
from hypergraph.errors import HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Event

PAUSE, CONTINUE = "pause\n", "continue\n"


def train(path: str, first: str, last: str, reports: TextIO) -> bool:
    """Train members `first` to `last` of the run in `path`. Returns whether the end was reached."""
    stop, unpaused = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        stop.set()
        unpaused.set()

    unpaused.set()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_obey_input, args=(unpaused, end), daemon=True).start()
    run = RunDirectory.open(Path(path))
    torch.set_num_threads(run.config.threads)  # torch cuts OMP_NUM_THREADS to the number of cores
    chunk = Chunk(run.training, range(int(first), int(last) + 1))

    def observe(event: Event) -> None:
        unpaused.wait()
        _send(event, reports)

    return train_chunk(run, chunk, observe, stop)


def _obey_input(unpaused: threading.Event, end: Callable[[], None]) -> None:
    for line in sys.stdin:
        (unpaused.clear if line == PAUSE else unpaused.set)()
    end()


def _send(message: Event | Failed, reports: TextIO) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone: standard input ends too, and stops us
        print(msgspec.json.encode(message).decode(), file=reports, flush=True)


def main(path: str, first: str, last: str) -> int:
    """The command. Returns its exit status."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a plugin prints goes to the log, not between the events
    try:
        return 0 if train(path, first, last, reports) else STOPPED
    except BaseException as error:  # a plugin may call sys.exit or raise anything
        known = error if isinstance(error, HypergraphError) else attribute_error(error)
        if known is None:
            raise
        _send(Failed(str(known)), reports)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
