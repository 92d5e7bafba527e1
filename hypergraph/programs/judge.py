"""What makes a program good enough: how faithful it is, and what it costs at the task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from torch import Tensor

from hypergraph.programs.graph import fidelity

Compute: TypeAlias = Callable[[Tensor], Tensor]
"""Inputs [batch, input] -> outputs [batch, output]."""


class Grade(NamedTuple):
    """How good a program has to be: its R² to the network, and its loss relative to the network's."""

    fidelity: float
    loss_ratio: float


GRADES = (Grade(0.98, 1.1), Grade(0.95, 2.0))
"""Programs of an earlier grade are preferred, even if they are longer."""


@dataclass(frozen=True)
class Judge:
    """Judges programs on inputs to which none is fitted.

    Attributes:
        inputs: [batch, input].
        compute: what the network computes.
        outputs: of the network on the inputs.
        loss: of outputs on these inputs; None without a task.
    """

    inputs: Tensor
    compute: Compute
    outputs: Tensor
    loss: Callable[[Tensor], float] | None

    def passes(self, program: Compute, grade: Grade) -> bool:
        """Whether a program is good enough for a grade."""
        outputs = program(self.inputs)
        faithful = fidelity(self.outputs, outputs) >= grade.fidelity
        return faithful and (self.loss is None or self.loss(outputs) <= grade.loss_ratio * self.loss(self.outputs))

    def grade(self, program: Compute) -> Grade | None:
        """The first grade that a program passes."""
        return next((grade for grade in GRADES if self.passes(program, grade)), None)
