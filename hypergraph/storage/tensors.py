"""Safetensors files with text metadata: written atomically, read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import psutil
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from hypergraph.errors import FileError
from hypergraph.storage.atomic import write_bytes
from hypergraph.storage.untrusted import check_regular

MAX_HEADER_BYTES = 2**24
"""Bytes of the header of a safetensors file; reading it takes up to 30 times as many."""
MAX_TENSORS = 20_000
"""Of a file: weights and biases of all the connections that a spec may have."""


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
            if len(names) > MAX_TENSORS:
                raise FileError(f"{path} holds {len(names):,} tensors; at most {MAX_TENSORS:,} are possible")
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
    if MAX_HEADER_BYTES < header <= size:
        raise FileError(
            f"cannot read {path}: its header has {header:,} bytes; at most {MAX_HEADER_BYTES:,} are possible"
        )
