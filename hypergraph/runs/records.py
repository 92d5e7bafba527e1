"""The records in the JSON files of a run, as types that msgspec checks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from hypergraph.errors import FileError, UsageError
from hypergraph.storage.schema import Count, Finite, Number, Record, as_record, check_printable
from hypergraph.storage.untrusted import read_json
from hypergraph.training.failures import Failure

R = TypeVar("R")

Price = Annotated[float, Meta(ge=1e-12, le=1)]


class NetworkRecord(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One generated network and its measurements.

    Attributes:
        member: number of the hypernetwork in its run.
        beta: the price of information per nat.
        loss: the task's loss on new inputs.
        kl: information in the latents, in nats.
        decoder_loss: the loss of the network generated with the encoder ignored.
        algorithm: the label of the classifier, or the family where no classifier knows such networks; null where there
            is neither.
        confidence: how sure this label is, from 0 to 1.
        order_parameters: the classifier's measurements, by name.
        file: the network's file, relative to the run's folder.
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
        super().__post_init__()
        check_printable("algorithm", self.algorithm or "")
        check_printable("order_parameters", *self.order_parameters)
        check_printable("file", self.file)
        if shared := self.order_parameters.keys() & set(self.__struct_fields__):
            raise UsageError(f"order_parameters have {shared.pop()!r}, which is another field")


class ProgramText(Record, frozen=True, kw_only=True):
    """A program, written in three ways.

    Attributes:
        text: one readable line.
        latex: LaTeX for mathematical mode.
        python: the source of a function of a tensor; it needs torch alone.
    """

    text: str
    latex: str
    python: str


class RoleRecord(Record, frozen=True, kw_only=True):
    """Hidden neurons that do the same in a program.

    Attributes:
        term: their number and what each gives, in words or as a formula.
        neurons: pairs of layer and number, counted from the inputs as layer 0.
    """

    term: str
    neurons: tuple[tuple[Count, Count], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_printable("term", self.term)


class ProgramRecord(Record, frozen=True, kw_only=True):
    """What `hypergraph explain` finds in the exemplar of a family.

    Attributes:
        family: the name of the family.
        file: the exemplar's file, relative to the run's folder.
        kind: "is built as" where the program has the network's neurons, "computes" where it only has its outputs; null
            without a short program, as is all below but `raw_bits` and `loss_before`.
        program: the short program.
        numbers: how many different numbers it has.
        bits: its length.
        raw_bits: the length of the weights at the same R², or at 0.98 without a program.
        r2: R² of its outputs to the network's, on new inputs.
        loss_before: the task's loss of the network.
        loss_after: that of the program.
        roles: what the hidden neurons do in it; empty where the program only has the network's outputs.
    """

    family: str
    file: str
    kind: Literal["is built as", "computes"] | None
    program: ProgramText | None
    numbers: Count | None
    bits: Number
    raw_bits: Finite
    r2: Number
    loss_before: Number
    loss_after: Number
    roles: tuple[RoleRecord, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_printable("family", self.family)
        check_printable("file", self.file)
        check_printable("program", self.program.text if self.program else "")


class Metrics(Record, frozen=True, kw_only=True):
    """A measurement during training: a line of metrics.jsonl.

    Attributes:
        step: the number of steps done.
        time: the time of the measurement, in seconds since 1970.
        beta: the prices of the generated networks.
        loss: the task's loss on new inputs, `[beta][member]`.
        kl: information in the latents, in nats, `[beta][member]`.
        algorithm: the classifier's labels, `[beta][member]`.
    """

    step: Count
    time: Finite
    beta: tuple[Price, ...]
    loss: list[list[Number]]
    kl: list[list[Number]]
    algorithm: list[list[str | None]]


class Provenance(Record, frozen=True, kw_only=True):
    """Where a part of a run was computed.

    Attributes:
        members: the first and the last member of the part.
        step: the step of the training at which work began there; null for the analysis.
        versions: the versions and the processor, which affect the numbers, by name.
        threads: the number of threads of the process.
    """

    members: tuple[Count, Count]
    step: Count | None
    versions: dict[str, str]
    threads: int


class Result(Record, frozen=True, kw_only=True):
    """The content of result.json beside the run's configuration.

    Of more than 256 members, a random sample stands for all: records of every network are in networks.parquet.

    Attributes:
        failures: the failures of members in training, or of those of the sample.
        solved_loss: a network whose loss is below this solves the task.
        algorithms: the labels of the classifier, or the families, and their colours.
        networks: one record per member, or member of the sample, and price, by price and then by member.
        programs: one record per family, the largest first; empty until the analysis has ended, and in runs of an
            earlier release.
        figures: the files of the figures, relative to the run's folder.
        not_drawn: the figures that were not drawn, and why.
        analysis_seconds: the duration of the analysis, in seconds; null until it has ended.
        provenance: where each part of the run was computed, or where there is a sample, the first part on each kind of
            machine: the trainings, the analysis, and what of it was swept on other kinds of machines; empty where an
            earlier release did so.
    """

    failures: tuple[Failure, ...]
    solved_loss: Finite
    algorithms: dict[str, str]
    networks: tuple[NetworkRecord, ...]
    programs: tuple[ProgramRecord, ...] = ()
    figures: tuple[str, ...] = ()
    not_drawn: Mapping[str, str] = {}
    analysis_seconds: Number = None
    provenance: tuple[Provenance, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_printable("algorithms", *self.algorithms, *self.algorithms.values())
        check_printable("figures", *self.figures)
        check_printable("not_drawn", *self.not_drawn, *self.not_drawn.values())
        if len({(each.member, each.beta) for each in self.networks}) < len(self.networks):
            raise UsageError("networks have a member and a price twice")
        if len({frozenset(each.order_parameters) for each in self.networks if each.order_parameters}) > 1:
            raise UsageError("networks have different order parameters")


def read_record(path: Path, kind: type[R]) -> R:
    """Read a JSON file as a value of type `kind`. Raises FileError."""
    fields = read_json(path)
    try:
        return as_record(fields, kind)
    except UsageError as error:
        raise FileError(f"{path}: {error}") from None


def to_fields(record: object) -> Any:
    """Convert a record, or several, to plain values for JSON."""
    return msgspec.to_builtins(record)
