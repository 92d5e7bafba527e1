"""(a + b) mod p from one-hot a and b, judged by cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec

DOUBT = 0.01
"""The probability that an answer is wrong: the right one has the target 0.99, the others share 0.01."""


class Modular(Task):
    """a and b, uniform in 0..p-1 and one-hot side by side -> the probabilities of a + b mod p; outputs are logits.

    The loss is in nats. A constant answer has ln p. The best one has 0.087 at p = 23, the entropy of the targets;
    without this doubt, the loss would fall forever as the logits grow.
    """

    @dataclass(frozen=True)
    class Options:
        """The options of the task.

        Attributes:
            p: the modulus, an odd number.
            hidden: hidden neurons of the default network; a clock of all frequencies has 3 (p - 1).
        """

        p: int = 23
        hidden: int = 66

        def __post_init__(self) -> None:
            if self.p < 3 or self.p % 2 == 0:
                raise ValueError(f"p is {self.p}: expected an odd number >= 3")
            if self.hidden < 1:
                raise ValueError(f"hidden is {self.hidden}: expected a number >= 1")

    @property
    def default_spec(self) -> MLPSpec:
        p = self.options.p
        return MLPSpec((2 * p, self.options.hidden, p), "square")

    @property
    def solved_loss(self) -> float:
        return 0.15

    def check_spec(self, spec: MLPSpec) -> None:
        p = self.options.p
        if (spec.sizes[0], spec.sizes[-1]) != (2 * p, p):
            right = ",".join(map(str, (2 * p, *spec.sizes[1:-1], p)))
            raise SpecError(f"{spec} does not add two numbers modulo {p}: try {right}, or set p")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        p = spec.sizes[-1]
        numbers = torch.randint(p, (batch, 2), generator=rng, device=rng.device)
        wrong = DOUBT / (p - 1)
        targets = wrong + (1 - DOUBT - wrong) * one_hot(numbers.sum(1) % p, p)
        return one_hot(numbers, p).flatten(1), targets

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return -(targets * outputs.log_softmax(-1)).sum(-1).mean(-1)


def one_hot(numbers: Tensor, count: int) -> Tensor:
    """float32 [..., count]; `torch.nn.functional.one_hot` reads the numbers on the host before."""
    return (numbers.unsqueeze(-1) == torch.arange(count, device=numbers.device)).float()
