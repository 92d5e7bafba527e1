"""Trains a run's members on this machine: a worker process per core, each with a chunk of the members."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable

import msgspec

from hypergraph.engines.base import Engine, Resources, TrainingError, max_parallel_chunks
from hypergraph.engines.worker import STOPPED, Failed, Message
from hypergraph.errors import FileError
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer, Stopping
from hypergraph.training.memory import free_memory

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
"""Lets glibc keep freed memory: a step at 400,000 weights takes less than half the time, and a sixth more memory."""


class LocalEngine(Engine):
    """A worker process per chunk; as many at once as there are cores, or one where a GPU does the work.

    A first interrupt, or whatever the observer raises, stops the workers after the step they are at; they save first. A
    second one kills them.
    """

    def resources(self, device: str) -> Resources:
        """Those of this machine, as they are now."""
        cores = len(os.sched_getaffinity(0))
        return Resources(cores if device == "cpu" else 1, cores, free_memory(device))

    def train(self, run: RunDirectory, observe: Observer) -> None:
        """Train every chunk that is not trained yet. Raises TrainingError, and FileError for a log."""
        waiting = [chunk for chunk in run.chunks if not chunk.trained.exists()]
        places = max_parallel_chunks(run.config, self.resources(run.config.device))
        messages: queue.SimpleQueue[tuple[_Worker, Message | None]] = queue.SimpleQueue()
        working: list[_Worker] = []
        try:
            while waiting or working:
                while waiting and len(working) < places:
                    working.append(_Worker(run, waiting.pop(0), messages))
                worker, message = messages.get()
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
    """A worker process, whose messages are put into a queue, and None after the last."""

    def __init__(
        self, run: RunDirectory, chunk: Chunk, messages: queue.SimpleQueue[tuple[_Worker, Message | None]]
    ) -> None:
        self.chunk, self.log = chunk, chunk.folder / "log.txt"
        try:
            log = self.log.open("a")
        except OSError as error:
            raise FileError(f"cannot write {self.log}: {error.strerror or error}") from None
        safely = (
            ["-P"] if sys.version_info >= (3, 11) else []
        )  # else modules in the current folder come before Python's
        words = [str(run.path), str(chunk.members[0]), str(chunk.members[-1])]
        with log:
            self.process = subprocess.Popen(
                [sys.executable, *safely, "-m", "hypergraph.engines.worker", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(run.config.threads)},
                start_new_session=True,  # an interrupt on the terminal reaches only the parent, which stops the workers
            )
        self.listener = threading.Thread(target=self._listen, args=(messages,), daemon=True)
        self.listener.start()

    def _listen(self, messages: queue.SimpleQueue[tuple[_Worker, Message | None]]) -> None:
        decoder = msgspec.json.Decoder(Message)
        assert self.process.stdout is not None
        try:
            with self.process.stdout as lines:
                for line in lines:
                    messages.put((self, decoder.decode(line)))
        finally:
            self.process.wait()
            messages.put((self, None))

    def check(self) -> None:
        """Raise TrainingError unless the worker, which ended, trained its chunk."""
        status = self.process.returncode
        if status == 0 and self.chunk.trained.exists():
            return
        if status == STOPPED:
            reason = "stopped by SIGTERM, after saving"
        elif status == -signal.SIGKILL:
            reason = "killed by SIGKILL, as a system does that is out of memory"
        elif status < 0:
            reason = f"{signal.strsignal(-status) or f'signal {-status}'} (see {self.log})"
        else:
            lines = []
            with contextlib.suppress(OSError):  # it may have vanished
                lines = self.log.read_text(errors="replace").strip().splitlines()
            reason = f"{lines[-1] if lines else f'exit status {status}'} (see {self.log})"
        raise TrainingError(self.chunk, reason)


def _stop(workers: Iterable[_Worker]) -> None:
    """Ask by closing their input, and wait; a second interrupt does not wait."""
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
