"""Writes that leave either the old file or the new one, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError

PARTIAL = ".partial"
"""The end of the name of a file that is being written; one is left where the process was killed meanwhile."""


def make_folder(path: Path) -> None:
    """Make a folder and those above it, durably, where they are not there. Raises FileError."""
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably: temporary file, fsync, rename, fsync of the folder.

    The folder must be there: one that vanished meanwhile is not made again. Raises FileError.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):  # it vanished with its folder
                os.unlink(name)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from None


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder that nobody writes into. Raises FileError."""
    try:
        for path in folder.glob(f".*{PARTIAL}"):
            path.unlink()
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make durable which files are in a folder, where its file system can. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as network file systems say, which do so anyway
            raise
    finally:
        os.close(handle)


def finite(value: Any) -> Any:
    """`value` for JSON, which has no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically. Raises FileError."""
    write_bytes(path, (json.dumps(finite(value), indent=2) + "\n").encode())
