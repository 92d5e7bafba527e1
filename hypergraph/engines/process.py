"""A process that reports to the one that started it, and stops when that closes its input.

It runs a module of this environment, and writes its messages to standard output as lines of JSON. Nothing here imports
torch.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from hypergraph.errors import file_errors
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import TrainingEvent

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
"""Lets glibc keep freed memory: a step at 400,000 weights takes less than half the time, and a sixth more memory."""
WORKER = "hypergraph.engines.worker"
START = (
    "import sys; sys.path[:] = {path}; del sys.argv[0]\n"
    "import runpy; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
"""Runs a module with this import path, with which a worker imports what its parent does."""
STOPPED = 3
"""Exit status of a worker that saved and stopped before the end."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The process ends for this reason."""

    reason: str


WorkerMessage: TypeAlias = TrainingEvent | Failed
Inbox: TypeAlias = "queue.SimpleQueue[tuple[ReportingProcess, Any]]"
"""The messages of all processes; None is the last of each."""


class ReportingProcess:
    """A process, and a thread that puts its messages into an inbox.

    Args:
        module: what the process runs, with `words` as its arguments.
        messages: the type of its messages.
        log: the file to which its standard error is appended.
        environment: variables that are set for it.
    """

    def __init__(
        self,
        module: str,
        words: Sequence[str],
        messages: Any,
        log: Path,
        inbox: Inbox,
        environment: Mapping[str, str],
    ) -> None:
        self.log = log
        with file_errors("write", log):
            errors = log.open("a")
        with errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START.format(path=_import_path()), module, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**os.environ, **environment},
                start_new_session=True,  # an interrupt on the terminal reaches only the parent, which stops the others
            )
        self.listener = threading.Thread(target=self._listen, args=(inbox, messages), daemon=True)
        self.listener.start()

    def _listen(self, inbox: Inbox, messages: Any) -> None:
        decoder = msgspec.json.Decoder(messages)
        assert self.process.stdout is not None
        try:
            with self.process.stdout as lines:
                for line in lines:
                    inbox.put((self, decoder.decode(line)))
        finally:
            self.process.wait()
            inbox.put((self, None))

    def tell(self, line: str) -> None:
        """Send a line to the process."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # ended, or asked to end
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def ask_to_stop(self) -> None:
        """Close its input."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def death(self, log: Path) -> str:
        """Why the process ended that did not tell it; `log` is the place of its log that is told."""
        status = self.process.returncode
        if status == STOPPED:
            return "stopped by SIGTERM, after saving"
        if status == -signal.SIGKILL:
            return "killed by SIGKILL, maybe because memory ran out"
        return f"{self._last_words(status)} (see {log})"

    def _last_words(self, status: int) -> str:
        """The signal that killed the process, or the last line of its log."""
        if status < 0:
            return signal.strsignal(-status) or f"signal {-status}"
        with contextlib.suppress(OSError):  # the log may be gone
            if lines := self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines():
                return lines[-1]
        return f"exit status {status}"


def start_worker(
    run: RunDirectory, chunk: Chunk, inbox: Inbox, environment: Mapping[str, str] = {}
) -> ReportingProcess:
    """Start a process that trains a chunk of the run in a folder of this machine. Raises FileError for its log."""
    words = [str(run.path), str(chunk.members[0]), str(chunk.members[-1])]
    threads = {"OMP_NUM_THREADS": str(run.config.threads)}
    return ReportingProcess(WORKER, words, WorkerMessage, chunk.log, inbox, {**KEEP_MEMORY, **threads, **environment})


def stop(workers: Iterable[ReportingProcess]) -> None:
    """Ask processes to stop, and wait; on a second interrupt, kill them."""
    workers = list(workers)
    try:
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            worker.listener.join()
    except KeyboardInterrupt:
        for worker in workers:
            worker.process.kill()
        raise


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
