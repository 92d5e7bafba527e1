"""A time limit for code that may hang."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


class TimeLimitExceeded(BaseException):
    """The time is up. It is no Exception, because code that hangs may catch those."""


@contextlib.contextmanager
def time_limit(seconds: float, expired: TimeLimitExceeded) -> Iterator[None]:
    """Raise `expired` in a block that takes longer than `seconds`; a timer that is already running continues.

    Outside the main thread, and without POSIX timers, there is no limit. Neither C code that does not return to Python
    nor a loop that catches every exception can be stopped.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise expired

    handler = signal.signal(signal.SIGALRM, ring)
    # repeated every second, because a bare `except:` or a `finally:` that waits can swallow the first
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            rest = left - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 1e-6), interval)  # at once where it is overdue
