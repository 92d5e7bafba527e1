"""Locks that the system releases when a process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hypergraph.errors import BusyError, FileError


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock file, which the system releases when the process dies.

    Raises:
        BusyError: another process holds it.
        FileError: it cannot be written.
    """
    handle = None
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"another process works on {path.parent}: wait for it, or choose another folder") from None
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from None
    else:
        yield
    finally:
        if handle is not None:
            os.close(handle)
