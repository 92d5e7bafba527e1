"""Whatever a formula says, of normal or uniform inputs or of signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec
from hypergraph_formula.measure import DISTRIBUTIONS, normalised

WIDTH, MIN_HIDDEN = 3, 16
"""Hidden neurons for each input, and at least."""


class Formula(Task):
    """x -> y, each output with mean 0 and variance 1, under squared error.

    A network may have more inputs than the formula names; the others do not matter.
    """

    @dataclass(frozen=True)
    class Options:
        """The formula, `;` between several outputs, and the inputs: standard normal, uniform from -1 to 1, or ±1."""

        y: str = "abs(x0) + x1*x2"
        inputs: Literal["normal", "uniform", "signs"] = "normal"

        def __post_init__(self) -> None:
            normalised(self.y, self.inputs)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.function = normalised(self.options.y, self.options.inputs)

    @property
    def default_spec(self) -> MLPSpec:
        formula = self.function.formula
        return MLPSpec((formula.inputs, max(WIDTH * formula.inputs, MIN_HIDDEN), len(formula.texts)))

    @property
    def solved_loss(self) -> float:
        return 0.05

    def check_spec(self, spec: MLPSpec) -> None:
        fewest, *_, outputs = self.default_spec.sizes
        if spec.sizes[0] < fewest or spec.sizes[-1] != outputs:
            right = ",".join(map(str, (max(fewest, spec.sizes[0]), *spec.sizes[1:-1], outputs)))
            raise SpecError(
                f"the formula has {fewest} inputs and {outputs} outputs: {spec} has other ends; try {right}"
            )

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = DISTRIBUTIONS[self.options.inputs]((batch, spec.sizes[0]), rng)
        return inputs, self.function(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean((-2, -1))

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        """That of a single output; of several, each has its own, and the targets are told as they are."""
        if spec.sizes[-1] > 1:
            return super().normalisation(spec)
        (mean,), (deviation,) = self.function.mean, self.function.deviation
        return mean, deviation
