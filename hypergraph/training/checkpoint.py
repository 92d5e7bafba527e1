"""The file of a saved training, from which it continues bit for bit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from hypergraph.errors import FileError
from hypergraph.storage.schema import as_record
from hypergraph.storage.tensors import check_format, read_tensors, write_tensors
from hypergraph.storage.untrusted import parse_json
from hypergraph.training.failures import Failure

FORMAT = "hypergraph-training"
FORMAT_VERSION = "2"
LAST_GOOD = "good."
"""Prefix of the tensors of the last good state, where that is older than the saved state."""

State = Mapping[str, Tensor]
"""The state of a training by name: parameters and Adam's moments, each [member, ...]."""


class Snapshot(NamedTuple):
    """Where the last good state is stored.

    Attributes:
        path: the file.
        step: the step of the state.
        prefix: prefix of the names of its tensors in the file.
    """

    path: Path
    step: int
    prefix: str = ""

    def read(self) -> dict[str, Tensor]:
        """Read its tensors, [member, ...]. Raises FileError."""
        tensors, start = read_tensors(self.path)[0], len(self.prefix)
        return {name[start:]: tensor for name, tensor in tensors.items() if name.startswith(self.prefix)}


class SavedTraining(NamedTuple):
    """The content of a file: the state after `step` steps, the failures so far, and the last good state."""

    state: State
    step: int
    failures: list[Failure]
    good: Snapshot


def write_checkpoint(
    path: Path, state: State, step: int, failures: Sequence[Failure], good: Snapshot | None = None
) -> Snapshot:
    """Write the state after `step` steps, and the last good state where that is older.

    Returns where the good state is stored now. Raises FileError.
    """
    kept = Snapshot(path, step) if good is None or good.step == step else Snapshot(path, good.step, LAST_GOOD)
    earlier = {LAST_GOOD + name: tensor for name, tensor in good.read().items()} if good and kept.prefix else {}
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "failures": json.dumps(msgspec.to_builtins(failures)),
        "step": str(step),
        "good_step": str(kept.step),
    }
    write_tensors(path, {**state, **earlier}, metadata)
    return kept


def read_checkpoint(path: Path, like: State) -> SavedTraining:
    """Read a training. Raises FileError unless its tensors have the names and shapes of `like`."""
    tensors, metadata = read_tensors(path)
    check_format(path, metadata, FORMAT, FORMAT_VERSION)
    step, good_step = (_count(path, metadata, name) for name in ("step", "good_step"))
    prefix = "" if good_step == step else LAST_GOOD
    _check(path, tensors, {prefix + name: tensor.shape for prefix in ("", prefix) for name, tensor in like.items()})
    try:
        failures = as_record(parse_json(metadata.get("failures", "")), list[Failure], "failures")
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None
    return SavedTraining({name: tensors[name] for name in like}, step, failures, Snapshot(path, good_step, prefix))


def _check(path: Path, tensors: State, shapes: Mapping[str, torch.Size]) -> None:
    """Raise FileError unless the tensors have these shapes and values that a training can have."""
    if set(tensors) != set(shapes):
        raise FileError(f"{path} is no state of a training")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape:
            raise FileError(f"{path}: {name} has shape {tuple(tensor.shape)}, not {tuple(shape)}")
        if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise FileError(f"{path}: {name} must be finite float32 numbers")
        if "square." in name and bool((tensor < 0).any()):
            raise FileError(f"{path}: {name} must not be negative")


def _count(path: Path, metadata: Mapping[str, str], name: str) -> int:
    text = metadata.get(name, "")
    if not re.fullmatch("[0-9]{1,12}", text):
        raise FileError(f"{path} is no state of a training: its {name} is {text!r}")
    return int(text)
