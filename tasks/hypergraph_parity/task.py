"""Whether an even number of signs is negative, judged by binary cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec

DOUBT = 0.01
"""The probability that a bit is wrong: targets are 0.99 and 0.01."""


class Parity(Task):
    """x ∈ {-1, 1}^n -> the bit: the product is positive, as a probability; the output is a logit.

    The loss is in nats. A constant answer has ln 2 = 0.693. The best one has 0.056, the entropy of a bit that is wrong
    once in a hundred times; without this doubt, the loss would fall forever as the logits grow.
    """

    @property
    def default_spec(self) -> MLPSpec:
        return MLPSpec((4, 16, 8, 1), skips=((0, 2), (1, 3)))

    @property
    def solved_loss(self) -> float:
        return 0.1

    def check_spec(self, spec: MLPSpec) -> None:
        if spec.sizes[-1] != 1:
            right = ",".join(map(str, (*spec.sizes[:-1], 1)))
            raise SpecError(f"a parity is one bit: the network needs 1 output, not {spec.sizes[-1]}; try {right}")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        bits = torch.randint(2, (batch, spec.sizes[0]), generator=rng, device=rng.device)
        inputs = 2.0 * bits - 1
        return inputs, 0.5 + (0.5 - DOUBT) * inputs.prod(-1, keepdim=True)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean((-2, -1))
