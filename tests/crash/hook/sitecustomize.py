"""Kills its process at one of the moments at which a file system changes, inside a write too, or suspends it anywhere.

Python imports this module at the start of every process that has its folder in PYTHONPATH. The environment says what to
do: CRASH_ROLE (run or worker) which processes count; CRASH_AT=n the moment to die at, from 0; CRASH_SHARE how much of a
write, from 0 to 1, reaches the file first, other calls dying before where it is below 0.5 and after where it is not;
CRASH_CALL=n the function call to be suspended at, from 0; CRASH_COUNT=path where to leave how many moments there were,
and how many calls.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROLE = "worker" if "hypergraph.engines.worker" in sys.orig_argv else "run"
AT = int(os.environ.get("CRASH_AT", "-1"))
SHARE = float(os.environ.get("CRASH_SHARE", "0"))
CALL = int(os.environ.get("CRASH_CALL", "-1"))
moments = calls = 0


def due() -> bool:
    """Whether this is the moment."""
    global moments
    moments += 1
    return moments - 1 == AT


def die() -> None:
    """As if the power went."""
    os.kill(os.getpid(), signal.SIGKILL)


def suspend(frame: FrameType, event: str, argument: object) -> None:
    """A trace of the calls of all functions of Python."""
    global calls
    calls += 1
    if calls - 1 == CALL:
        os.kill(os.getpid(), signal.SIGSTOP)


def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, before or after which the process may die."""

    def call(*args: Any, **kwargs: Any) -> Any:
        now = due()
        if now and SHARE < 0.5:
            die()
        result = function(*args, **kwargs)
        if now:
            die()
        return result

    return call


class Torn(io.BufferedWriter):
    """A file in the middle of whose writes the process may die."""

    def write(self, data: Any) -> int:
        """Write all of `data`, or its beginning."""
        if due():
            super().write(data[: int(len(data) * SHARE)])
            self.flush()
            die()
        return super().write(data)


def install() -> None:
    """Put the calls that change a file system under watch."""
    fdopen = os.fdopen

    def torn(handle: int, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return Torn(io.FileIO(handle, "wb")) if mode == "wb" else fdopen(handle, mode, *args, **kwargs)

    os.fdopen = torn  # type: ignore[assignment]
    tempfile.mkstemp = deadly(tempfile.mkstemp)
    for name in ("mkdir", "fsync", "chmod", "replace", "unlink"):
        setattr(os, name, deadly(getattr(os, name)))
    path = os.environ.get("CRASH_COUNT")
    if path:
        atexit.register(lambda: Path(f"{path}.{ROLE}").write_text(f"{moments} {calls}"))
    if path or CALL >= 0:
        sys.settrace(suspend)


if os.environ.get("CRASH_ROLE") in (ROLE, "all"):
    install()
