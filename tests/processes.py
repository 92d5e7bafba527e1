"""Commands in processes of their own: to their end, or at work and watched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import psutil

Command = Callable[..., tuple[int, str, str]]
"""The fixture `command`."""
HYPERGRAPH = (sys.executable, "-m", "hypergraph")
NET_S = 600
"""Seconds after which what hangs is given up. No assertion depends on it: it only ends a test that never would."""

LOOKS = 60_000
"""Looks at a command, 0.01 s apart at least, after which a condition is given up."""


class Running:
    """A command at work.

    Attributes:
        process: that of the command.
    """

    def __init__(self, *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # jobs in the background start without
        command, (out, err) = [*map(str, words)], self._files
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stdout=out, stderr=err, preexec_fn=listen)

    @property
    def stderr(self) -> str:
        """What it has printed there so far."""
        return _content(self._files[1])

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that it has started and that have not ended."""
        return psutil.Process(self.process.pid).children()

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds, however long it takes; fails where the command ends before."""
        for _ in range(LOOKS):
            if condition():
                return
            assert self.process.poll() is None, self.stderr
            time.sleep(0.01)
        raise AssertionError(f"the condition never held: {self.stderr}")

    def end(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        try:
            status = self.process.wait(NET_S)
            return subprocess.CompletedProcess(self.process.args, status, *map(_content, self._files))
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and its workers now."""
        for worker in self.workers if self.process.poll() is None else []:
            worker.kill()
        self.process.kill()
        self.process.wait()
        for file in self._files:
            file.close()


def idles(process: psutil.Process) -> bool:
    """Whether a process wakes up now and then and does nothing, as one does that waits for a lock."""
    looks = []
    for _ in range(2):
        looks.append((process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])))
        time.sleep(0.5)
    (switches, busy), (switches_later, busy_later) = looks
    return switches_later - switches > 1 and busy_later == busy


def _content(file: IO[bytes]) -> str:
    """What is in a file, without moving to another place in it: the command writes on from there."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def finished(
    *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return Running(*words, cwd=cwd, env=env).end()


def python(code: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What Python code prints that succeeds."""
    done = finished(sys.executable, "-c", code, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout
