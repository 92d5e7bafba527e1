"""File locks that the system releases when the process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hypergraph.errors import BusyError, file_errors


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock file.

    Raises:
        BusyError: another process holds it.
        FileError: it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with file_errors("write", path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"another process works on {path.parent}: wait for it, or choose another folder"
                raise BusyError(message) from None
        yield
