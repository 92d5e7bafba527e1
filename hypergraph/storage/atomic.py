"""Atomic, durable writes: after a crash the old file or the new one is there, never a part of one."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hypergraph.errors import file_errors

PARTIAL = ".partial"
"""Suffix of files while they are written; a killed process may leave one behind."""


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, durably. Raises FileError."""
    with file_errors("write", path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)


def write_bytes(path: Path, *data: bytes | memoryview) -> None:
    """Write a file of these parts atomically and durably: temporary file, fsync, rename, fsync of the folder.

    A link stays, and the file that it leads to is written. A file that is replaced keeps its owner and its mode. Into a
    device or a pipe, `data` are written straight. Raises FileError, also where the folder does not exist: a folder that
    was deleted meanwhile is not made again.
    """
    with file_errors("write", path):
        try:
            replaced = path.stat()
        except FileNotFoundError:
            replaced = None
        if replaced is None or stat.S_ISREG(replaced.st_mode):
            with _replacing(Path(os.path.realpath(path)), replaced) as file:
                file.writelines(data)
        else:
            _write_straight(path, *data)


def _write_straight(path: Path, *data: bytes | memoryview) -> None:
    """Write into a device or a pipe. Raises OSError, also where nobody reads the pipe, for which nothing waits."""
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as file:
        file.writelines(data)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which is at `path`, durably, once all is written. Raises FileError."""
    with file_errors("write", path), _replacing(path, None) as file:
        yield file


@contextlib.contextmanager
def _replacing(path: Path, replaced: os.stat_result | None) -> Iterator[BinaryIO]:
    """Write a file that takes the place of the one whose status is `replaced`. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=PARTIAL)  # short, as `path` may be at the limit
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replaced:
            with contextlib.suppress(PermissionError):  # it may be another user's
                os.chown(name, replaced.st_uid, replaced.st_gid)
        os.chmod(name, stat.S_IMODE(replaced.st_mode) if replaced else 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the folder may be gone
            os.unlink(name)
        raise
    sync_folder(path.parent)


def remove_partial(folder: Path) -> None:
    """Remove half-written files from a folder that no process writes to. Raises FileError."""
    with file_errors("write", folder):
        for path in folder.glob(f".*{PARTIAL}"):
            path.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make the list of files in a folder durable, where its file system supports that. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems, which sync anyway
            raise
    finally:
        os.close(handle)


def finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically. Raises FileError."""
    write_bytes(path, (json.dumps(finite(value), indent=2) + "\n").encode())
