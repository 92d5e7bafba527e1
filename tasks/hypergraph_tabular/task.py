"""One column of a table from the others, measured on rows that training never sees."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.errors import SpecError, UsageError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec
from hypergraph_tabular.columns import Kind, to_numbers
from hypergraph_tabular.files import read_bytes, read_frame
from hypergraph_tabular.rows import Split, split

WIDTH, MIN_HIDDEN, MAX_HIDDEN = 3, 16, 64
"""Hidden neurons for each input, at least, and at most."""


class Table(Task):
    """The other columns -> the target: a number, under squared error, or a class, under cross-entropy in nats.

    Inputs and targets that are numbers have mean 0 and variance 1 in the training rows. Every loss is measured on the
    rows held out.
    """

    @dataclass(frozen=True)
    class Options:
        """The file and its column to predict; which rows are held out; `sha256` is filled in, and checked later.

        A target of numbers is a regression, any other a classification, unless `kind` says another.
        """

        file: str = ""
        target: str = ""
        kind: Kind = "auto"
        held_out: float = 0.2
        split_seed: int = 0
        sha256: str = ""

        def __post_init__(self) -> None:
            if not 0 < self.held_out < 1:
                raise ValueError(f"held_out is {self.held_out}: it is a share of the rows, between 0 and 1")
            if not 0 <= self.split_seed < 2**63:
                raise ValueError(f"split_seed is {self.split_seed}: it is at least 0 and below 2**63")
            if self.file:
                path = Path(self.file).expanduser().absolute()
                object.__setattr__(self, "file", str(path))
                object.__setattr__(self, "sha256", _checked_hash(path, self.sha256))
                _split(self)

    @functools.cached_property
    def data(self) -> Split:
        """The table. Raises UsageError where no file is named."""
        if not self.options.file:
            raise UsageError("this task needs the options file and target, such as file=data.csv and target=price")
        return _split(self.options)

    @property
    def default_spec(self) -> MLPSpec:
        inputs, outputs = self._ends
        return MLPSpec((inputs, min(max(WIDTH * inputs, MIN_HIDDEN), MAX_HIDDEN), outputs))

    @property
    def solved_loss(self) -> float:
        """Halfway between the loss of a constant answer and the lowest one possible."""
        targets = self.data.training.targets.double()
        if not self.data.classes:
            return 0.5
        constant, lowest = _entropy(targets.mean(0)), _entropy(targets).mean()
        return round(float(constant + lowest) / 2, 3)

    def check_spec(self, spec: MLPSpec) -> None:
        if (spec.sizes[0], spec.sizes[-1]) != (ends := self._ends):
            right = ",".join(map(str, (ends[0], *spec.sizes[1:-1], ends[1])))
            raise SpecError(f"the table has {ends[0]} inputs and {ends[1]} outputs: {spec} has other ends; try {right}")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = self.data.training
        return rows.take(torch.randint(len(rows.inputs), (batch,), generator=rng, device=rng.device))

    def sample_held_out(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The rows held out, in an order drawn from `rng`: each once, then again from the start."""
        rows = self.data.held_out
        order = torch.randperm(len(rows.inputs), generator=rng, device=rng.device)
        return rows.take(order[torch.arange(batch, device=rng.device) % len(order)])

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.data.classes:
            return -(targets * F.log_softmax(outputs, -1)).sum(-1).mean(-1)
        return (outputs - targets).square().mean((-2, -1))

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return self.data.mean, self.data.deviation

    @property
    def _ends(self) -> tuple[int, int]:
        return len(self.data.names), max(1, len(self.data.classes))


def _entropy(probabilities: Tensor) -> Tensor:
    entropy: Tensor = torch.special.entr(probabilities).sum(-1)
    return entropy


@functools.lru_cache(maxsize=4)
def _split(options: Table.Options) -> Split:
    """The table of these options. Raises FileError, ValueError."""
    path = Path(options.file)
    frame = read_frame(path, read_bytes(path))
    return split(to_numbers(frame, options.target, options.kind), options.held_out, options.split_seed)


def _checked_hash(path: Path, recorded: str) -> str:
    """The hash of a file, which is the recorded one if there is one. Raises FileError, ValueError."""
    found = hashlib.sha256(read_bytes(path)).hexdigest()
    if recorded not in ("", found):
        raise ValueError(
            f"{path} has changed since the run was started: its SHA-256 is {found}, not {recorded}; "
            "put the old file back, or start a new run"
        )
    return found
