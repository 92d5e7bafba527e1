"""The records of a run: what each of its JSON files holds, as types that msgspec checks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from hypergraph.errors import FileError
from hypergraph.storage.untrusted import read_json
from hypergraph.training.failures import Failure

R = TypeVar("R")

Count = Annotated[int, Meta(ge=0)]
Price = Annotated[float, Meta(ge=1e-12, le=1)]
Number = Annotated[float, Meta(ge=-1e300, le=1e300)] | None
"""Null where it is not finite. The sum and the square of a larger number would be infinite."""


def _check_printable(*texts: str) -> None:
    for text in texts:
        if not text.isprintable():
            raise ValueError(f"{text!r} is no printable text")


class NetworkRecord(Struct, frozen=True, kw_only=True):
    """One generated network and what was measured on it.

    Attributes:
        member: number of the hypernetwork in its run.
        beta: the price per nat.
        loss: the task's loss on fresh inputs.
        kl: information in the latents, in nats.
        decoder_loss: the loss of the network generated with the encoder ignored.
        algorithm: the classifier's label, null where no classifier knows such networks.
        confidence: of that label, from 0 to 1.
        order_parameters: the classifier's, by name.
        file: the network, relative to the run's folder.
    """

    member: Count
    beta: Price
    loss: Number
    kl: Number
    decoder_loss: Number
    algorithm: str | None
    confidence: Number = None
    order_parameters: dict[str, Number]
    file: str

    def __post_init__(self) -> None:
        _check_printable(self.algorithm or "", self.file, *self.order_parameters)
        if shared := self.order_parameters.keys() & set(self.__struct_fields__):
            raise ValueError(f"an order parameter is called {shared.pop()!r}, which is another field")


class Metrics(Struct, frozen=True, kw_only=True):
    """What a training tells of itself now and then: a line of metrics.jsonl.

    Attributes:
        step: of the training.
        time: in seconds since 1970.
        beta: the prices at which it is watched.
        loss: on fresh inputs, [beta][member].
        kl: information in the latents, in nats, [beta][member].
        algorithm: the classifier's labels, [beta][member].
    """

    step: Count
    time: float
    beta: tuple[float, ...]
    loss: list[list[float | None]]
    kl: list[list[float | None]]
    algorithm: list[list[str | None]]


class Provenance(Struct, frozen=True, kw_only=True):
    """Where a part of a run was computed.

    Attributes:
        members: the first and the last of the part.
        step: of the training, at which work went on there; null for the analysis.
        versions: of what numbers depend on beside the configuration, the processor included, by name.
        threads: of the process.
    """

    members: tuple[int, int]
    step: int | None
    versions: dict[str, str]
    threads: int


class Result(Struct, frozen=True, kw_only=True):
    """What result.json holds beside the run's configuration.

    Attributes:
        failures: the members that diverged in training, and when.
        solved_loss: a network whose loss is below this solves the task.
        algorithms: the classifier's labels, with a colour each.
        networks: one record per member and price, by price and then by member.
        figures: the drawings, relative to the run's folder.
        analysis_seconds: what the analysis took, null until it has ended.
    """

    failures: tuple[Failure, ...]
    solved_loss: float
    algorithms: dict[str, str]
    networks: tuple[NetworkRecord, ...]
    figures: tuple[str, ...] = ()
    analysis_seconds: float | None = None


def as_record(fields: object, kind: type[R]) -> R:
    """Plain values as a record of this kind. Raises ValueError: where, and what would be right."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def read_record(path: Path, kind: type[R]) -> R:
    """The record in a JSON file. Raises FileError."""
    try:
        return as_record(read_json(path), kind)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None


def to_fields(record: Struct) -> Mapping[str, Any]:
    """The plain values of a record, as JSON has them."""
    fields: Mapping[str, Any] = msgspec.to_builtins(record)
    return fields
