"""Jobs and results as text, for an engine that has them done on other machines. Nothing here imports torch."""

from __future__ import annotations

import importlib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from hypergraph.errors import HypergraphError, file_errors
from hypergraph.extensions.attribution import attribute_error
from hypergraph.extensions.registry import reason
from hypergraph.runs.events import ignore


class JobError(HypergraphError):
    """A job failed for a reason."""


def name_of(function: Callable[..., Any]) -> str:
    """The name by which another process finds a function."""
    return f"{function.__module__}:{function.__qualname__}"


def pack(job: Struct) -> bytes:
    """A job, with the content of its files. Raises FileError."""
    return msgspec.json.encode(job, enc_hook=_with_content)


def _with_content(value: Any) -> Any:
    if not isinstance(value, Path):
        raise NotImplementedError(f"{value!r} cannot travel")
    with file_errors("read", value):
        return {"path": str(value), "content": value.read_bytes()}


def do_packed(name: str, packed: bytes, threads: int, folder: Path) -> bytes:
    """Do a job that `pack` packed: the result, packed.

    Args:
        name: of the function, as `name_of` gives it.
        threads: of torch.
        folder: where the job's files are written.

    Raises JobError, for whatever reason.
    """
    from hypergraph.runs.jobs import do  # imports torch

    came: dict[Path, str] = {}

    def unpacked(kind: type, value: dict[str, str]) -> Path:
        path = folder / f"{len(came)}{Path(value['path']).suffix}"
        with file_errors("write", path):
            path.write_bytes(b64decode(value["content"]))
        came[path] = value["path"]
        return path

    try:
        module, _, place = name.partition(":")
        function = getattr(importlib.import_module(module), place)
        kind = next(iter(get_type_hints(function).values()))
        job = msgspec.json.decode(packed, type=kind, dec_hook=unpacked)
        return msgspec.json.encode(do(function, job, threads, ignore))
    except BaseException as error:  # a plugin may call sys.exit or raise anything
        known = error if isinstance(error, HypergraphError) else attribute_error(error)
        text = str(known) if known else reason(error)
        for path, original in came.items():
            text = text.replace(str(path), original)
        raise JobError(text) from None


def unpack(result: bytes, function: Callable[..., Any]) -> Any:
    """The result of a function that `do_packed` packed."""
    return msgspec.json.decode(result, type=get_type_hints(function)["return"])
