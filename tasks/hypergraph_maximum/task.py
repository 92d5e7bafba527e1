"""The maximum of some normal numbers, shifted and scaled to zero mean and unit variance."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec


class Maximum(Task):
    """x ~ N(0, 1)^n -> (max x - mean) / deviation, under squared error."""

    @property
    def default_spec(self) -> MLPSpec:
        return MLPSpec((4, 16, 8, 1), skips=((0, 2), (1, 3)))

    @property
    def solved_loss(self) -> float:
        return 0.05

    def check_spec(self, spec: MLPSpec) -> None:
        if spec.sizes[0] < 2 or spec.sizes[-1] != 1:
            right = ",".join(map(str, (max(spec.sizes[0], 2), *spec.sizes[1:-1], 1)))
            raise SpecError(f"a maximum is one number of at least two: {spec} has other ends; try {right}")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(batch, spec.sizes[0], generator=rng, device=rng.device)
        return inputs, normalised_maximum(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean((-2, -1))

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return moments(spec.sizes[0])


def normalised_maximum(inputs: Tensor) -> Tensor:
    """max x with the mean 0 and the variance 1 that normal inputs give it: [..., input] -> [..., 1]."""
    mean, deviation = moments(inputs.shape[-1])
    return (inputs.amax(-1, keepdim=True) - mean) / deviation


@cache
def moments(size: int) -> tuple[float, float]:
    """Mean and standard deviation of the largest of `size` standard normal numbers, by integrating its density."""
    x = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    density = size * torch.exp(-x.square() / 2) * torch.special.ndtr(x) ** (size - 1)
    density /= torch.trapezoid(density, x)
    mean = torch.trapezoid(density * x, x)
    return float(mean), float(torch.trapezoid(density * (x - mean).square(), x).sqrt())
