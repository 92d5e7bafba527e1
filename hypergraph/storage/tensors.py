"""Safetensors files with text metadata: written atomically, and checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import psutil
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from hypergraph.errors import FileError, file_errors
from hypergraph.storage.atomic import write_bytes
from hypergraph.storage.untrusted import check_regular

MAX_HEADER_BYTES = 2**24
"""Largest header of a safetensors file; reading one takes up to 30 times as much memory."""
MAX_TENSORS = 20_000
"""Most tensors in a file: a weight and a bias for each of the connections that a spec may have."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file atomically; the same content gives the same bytes. Raises FileError."""
    write_bytes(path, *_encoded(tensors, metadata))


def encode_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The content of a safetensors file."""
    return b"".join(_encoded(tensors, metadata))


def _encoded(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> tuple[bytes, memoryview]:
    """The header of a safetensors file, with sorted metadata, which the library writes in random order; and the rest.

    The rest is not copied: it may have gigabytes.
    """
    flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    data = save(flat, dict(metadata))
    end = 8 + int.from_bytes(data[:8], "little")
    fields = json.loads(data[8:end])
    header = json.dumps({"__metadata__": dict(sorted(fields.pop("__metadata__").items())), **fields}).encode()
    header += b" " * (-len(header) % 8)  # keeps the tensors aligned
    return len(header).to_bytes(8, "little") + header, memoryview(data)[end:]


def check_format(path: Path, metadata: Mapping[str, str], name: str, version: str) -> None:
    """Raise FileError unless a file's metadata name this format and this version."""
    if metadata.get("format") != name:
        raise FileError(f"{path} is no {name} file: its metadata lacks format = {name}")
    if (found := metadata.get("format_version")) != version:
        raise FileError(f"{path} has format version {found}; this release reads version {version}")


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file.

    Raises:
        FileError: the file is missing, damaged, or too large for the free memory.
    """
    _check_size(path)
    try:
        # by descriptor, because safe_open takes no name that is not UTF-8
        with path.open("rb") as file, safe_open(f"/dev/fd/{file.fileno()}", framework="pt") as content:
            names = list(content.keys())
            if len(names) <= MAX_TENSORS:
                return {name: content.get_tensor(name) for name in names}, content.metadata() or {}
    except Exception as error:  # safetensors and torch raise errors of many types
        raise FileError(f"{path} is not a whole safetensors file: {error}") from None
    raise FileError(f"{path} holds {len(names):,} tensors; at most {MAX_TENSORS:,} are possible")


def _check_size(path: Path) -> None:
    """Raise FileError where the file, or the header whose length it declares, is too large to be read."""
    size, free = check_regular(path).st_size, psutil.virtual_memory().available
    if size > free:
        raise FileError(f"cannot read {path}: it has {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free")
    with file_errors("read", path), path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if MAX_HEADER_BYTES < header <= size:
        raise FileError(
            f"cannot read {path}: its header has {header:,} bytes; at most {MAX_HEADER_BYTES:,} are possible"
        )
