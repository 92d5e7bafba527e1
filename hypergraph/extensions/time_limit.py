"""A time limit for code that may never end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


class TimeLimitExceeded(BaseException):
    """The time is up. No Exception, for code that hangs may catch these."""


@contextlib.contextmanager
def time_limit(seconds: float, expired: TimeLimitExceeded) -> Iterator[None]:
    """Raise `expired` in a block that takes longer; a timer that was running runs on.

    Only in the main thread, and where there are POSIX timers: nothing is bounded elsewhere. Nor can C code be
    interrupted that never comes back to Python, or a loop that catches everything.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise expired

    handler = signal.signal(signal.SIGALRM, ring)
    # again every second, for the first may be lost on an `except:`, or on a `finally:` that waits too
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            rest = left - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 1e-6), interval)  # at once where its time came meanwhile
