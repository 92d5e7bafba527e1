"""Train a run's members on this machine: one worker process per chunk."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from types import FrameType

from hypergraph.engines.base import Engine, Resources, TrainingError, max_parallel_chunks
from hypergraph.engines.process import Failed, Inbox, ReportingProcess, start_worker, stop
from hypergraph.engines.worker import CONTINUE, PAUSE
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer, Stopping
from hypergraph.training.memory import free_memory


def usable_cores() -> int:
    """The cores that this process may use. macOS cannot tell, and has no way to forbid some."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class LocalEngine(Engine):
    """Runs as many workers at once as there are cores, or one on a GPU.

    After a first interrupt or an error of the observer, the workers finish their step and save. A second interrupt
    kills them. While the shell has stopped this process (Ctrl-Z), the workers wait.
    """

    def resources(self, device: str) -> Resources:
        """The current resources of this machine."""
        cores = usable_cores()
        return Resources(cores if device == "cpu" else 1, cores, free_memory(device))

    def train(self, run: RunDirectory, observe: Observer) -> None:
        """Train every unfinished chunk. Raises TrainingError, and FileError for a log."""
        waiting = [chunk for chunk in run.chunks if not chunk.trained.exists()]
        places = max_parallel_chunks(run.config, self.resources(run.config.device))
        inbox: Inbox = queue.SimpleQueue()
        working: dict[ReportingProcess, Chunk] = {}
        try:
            with _pausing(working):
                while waiting or working:
                    while waiting and len(working) < places:
                        chunk = waiting.pop(0)
                        working[start_worker(run, chunk, inbox)] = chunk
                    worker, message = inbox.get()
                    if message is None:
                        stop([worker])
                        _check(worker, working.pop(worker))
                    elif isinstance(message, Failed):
                        raise TrainingError(working[worker], message.reason)
                    else:
                        observe(message)
        finally:
            try:
                if working:
                    observe(Stopping())
            finally:
                stop(working)


def _check(worker: ReportingProcess, chunk: Chunk) -> None:
    """Raise TrainingError unless a worker, which has ended, trained its chunk."""
    if worker.process.returncode or not chunk.trained.exists():
        raise TrainingError(chunk, worker.death(chunk.log))


@contextlib.contextmanager
def _pausing(workers: Mapping[ReportingProcess, Chunk]) -> Iterator[None]:
    """Let the workers wait while this process is stopped by its terminal; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pause(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            worker.tell(PAUSE)
        signal.raise_signal(signal.SIGSTOP)  # goes on from here after SIGCONT
        for worker in workers:
            worker.tell(CONTINUE)

    before = signal.signal(signal.SIGTSTP, pause)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
