"""Reading and writing: safetensors with text metadata, and writes that leave either the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from hypergraph.errors import BusyError, FileError
from hypergraph.reading import check_regular, parse_json, read_text

MOST_HEADER = 2**24
"""Bytes of the header of a safetensors file; reading it takes up to 30 times as many."""
MOST_TENSORS = 20_000
"""Of a file: weights and biases of all the connections that a spec may have."""

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


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
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


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises FileError; where it is too large or nested too deeply too."""
    text = read_text(path)
    try:
        return parse_json(text)
    except ValueError as error:
        raise FileError(f"{path} is not JSON: {error}") from None


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file atomically; the same content gives the same bytes. Raises FileError."""
    flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_bytes(path, _ordered(save(flat, dict(metadata))))


def _ordered(data: bytes) -> bytes:
    """A safetensors file with its metadata sorted: the library leaves them in random order."""
    end = 8 + int.from_bytes(data[:8], "little")
    fields = json.loads(data[8:end])
    header = json.dumps({"__metadata__": dict(sorted(fields.pop("__metadata__").items())), **fields}).encode()
    header += b" " * (-len(header) % 8)  # tensors stay aligned
    return len(header).to_bytes(8, "little") + header + data[end:]


def check_format(path: Path, metadata: Mapping[str, str], name: str, version: str) -> None:
    """Raise FileError where a file's metadata does not say that it is what `name` calls, in this version."""
    if metadata.get("format") != name:
        raise FileError(f"{path} is no {name} file: its metadata lacks format = {name}")
    if metadata.get("format_version") != version:
        found = metadata.get("format_version")
        raise FileError(f"{path} has format version {found}; this release reads version {version}")


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file.

    Raises:
        FileError: where it is not a whole one, or one that does not fit in memory.
    """
    _check_size(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if len(names) > MOST_TENSORS:
                raise FileError(f"{path} holds {len(names):,} tensors; at most {MOST_TENSORS:,} are possible")
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileError:
        raise
    except Exception as error:  # torch, which the library calls, raises whatever it likes
        raise FileError(f"{path} is not a whole safetensors file: {error}") from None


def _check_size(path: Path) -> None:
    """Raise FileError where a safetensors file, or the header whose length it tells first, is too large to be read."""
    size, free = check_regular(path).st_size, psutil.virtual_memory().available
    if size > free:
        raise FileError(f"cannot read {path}: it has {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free")
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from None
    if MOST_HEADER < header <= size:
        raise FileError(f"cannot read {path}: its header has {header:,} bytes; at most {MOST_HEADER:,} are possible")
