"""Train a run's members on this machine: one worker process per chunk."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import msgspec

from hypergraph.engines.base import Engine, Resources, TrainingError, max_parallel_chunks
from hypergraph.engines.worker import CONTINUE, PAUSE, STOPPED, Failed, Message
from hypergraph.errors import file_errors
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer, Stopping
from hypergraph.training.memory import free_memory

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
"""Lets glibc keep freed memory: a step at 400,000 weights takes less than half the time, and a sixth more memory."""
WORKER = "hypergraph.engines.worker"
START = (
    "import sys; sys.path[:] = {path}; del sys.argv[0]\n"
    "import runpy; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
"""Runs a module with this import path, with which a worker imports what its parent does."""

Inbox: TypeAlias = "queue.SimpleQueue[tuple[_Worker, Message | None]]"
"""The messages of all workers; None is the last of each."""


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
        working: list[_Worker] = []
        try:
            with _pausing(working):
                while waiting or working:
                    while waiting and len(working) < places:
                        working.append(_Worker(run, waiting.pop(0), inbox))
                    worker, message = inbox.get()
                    if message is None:
                        _stop([worker])
                        working.remove(worker)
                        worker.check()
                    elif isinstance(message, Failed):
                        raise TrainingError(worker.chunk, message.reason)
                    else:
                        observe(message)
        finally:
            try:
                if working:
                    observe(Stopping())
            finally:
                _stop(working)


class _Worker:
    """A worker process, and a thread that puts its messages into the inbox."""

    def __init__(self, run: RunDirectory, chunk: Chunk, inbox: Inbox) -> None:
        self.chunk, self.log = chunk, chunk.folder / "log.txt"
        with file_errors("write", self.log):
            log = self.log.open("a")
        words = [str(run.path), str(chunk.members[0]), str(chunk.members[-1])]
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START.format(path=_import_path()), WORKER, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                env={**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(run.config.threads)},
                start_new_session=True,  # an interrupt on the terminal reaches only the parent, which stops the workers
            )
        self.listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self.listener.start()

    def _listen(self, inbox: Inbox) -> None:
        decoder = msgspec.json.Decoder(Message)
        assert self.process.stdout is not None
        try:
            with self.process.stdout as lines:
                for line in lines:
                    inbox.put((self, decoder.decode(line)))
        finally:
            self.process.wait()
            inbox.put((self, None))

    def tell(self, line: str) -> None:
        """Send a line to the worker."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # ended, or asked to end
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def check(self) -> None:
        """Raise TrainingError unless the worker, which has ended, trained its chunk."""
        status = self.process.returncode
        if status == 0 and self.chunk.trained.exists():
            return
        if status == STOPPED:
            reason = "stopped by SIGTERM, after saving"
        elif status == -signal.SIGKILL:
            reason = "killed by SIGKILL, maybe because memory ran out"
        else:
            reason = f"{self._last_words(status)} (see {self.log})"
        raise TrainingError(self.chunk, reason)

    def _last_words(self, status: int) -> str:
        """The signal that killed the worker, or the last line of its log."""
        if status < 0:
            return signal.strsignal(-status) or f"signal {-status}"
        with contextlib.suppress(OSError):  # the log may be gone
            if lines := self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines():
                return lines[-1]
        return f"exit status {status}"


@contextlib.contextmanager
def _pausing(workers: list[_Worker]) -> Iterator[None]:
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


def _import_path() -> list[str]:
    """The import path of this process, with its own copy of this package, and with the standard library first.

    So no module in the current folder replaces one of the standard library.
    """
    path = [os.path.abspath(place) for place in sys.path if isinstance(place, str)]
    package = Path(__file__).parents[1]
    found = filter(None, (finder.find_spec(package.name, None) for finder in sys.meta_path))
    if next((spec.origin for spec in found), None) != str(package / "__init__.py"):
        path.insert(0, str(package.parent))
    standard = os.path.dirname(os.__file__)
    return sorted(path, key=lambda place: place not in (standard, os.path.join(standard, "lib-dynload")))


def _stop(workers: Iterable[_Worker]) -> None:
    """Close the workers' input, which asks them to stop, and wait; on a second interrupt, kill them."""
    try:
        for worker in workers:
            if worker.process.stdin is not None:
                with contextlib.suppress(OSError):
                    worker.process.stdin.close()
        for worker in workers:
            worker.listener.join()
    except KeyboardInterrupt:
        for worker in workers:
            worker.process.kill()
        raise
