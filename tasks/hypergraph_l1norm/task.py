"""The L1 norm of normal inputs (section 2), shifted and scaled to zero mean and unit variance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec

HEAVIER = 0.6
"""How much heavier the tails of early inputs are."""


class L1Norm(Task):
    """x ~ N(0, 1)^n -> (‖x‖₁ - n √(2/π)) / √(n (1 - 2/π)), under squared error."""

    decoder_first = True  # any hidden neuron may serve any input

    @property
    def default_spec(self) -> MLPSpec:
        return MLPSpec((16, 48, 1))

    @property
    def solved_loss(self) -> float:
        return 0.1

    def check_spec(self, spec: MLPSpec) -> None:
        if spec.sizes[-1] != 1:
            right = ",".join(str(size) for size in (*spec.sizes[:-1], 1))
            raise SpecError(f"an L1 norm is one number: the network needs 1 output, not {spec.sizes[-1]}; try {right}")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(batch, spec.sizes[0], generator=rng, device=rng.device)
        return inputs, normalised_norm(inputs)

    def sample_early(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs of heavier tails: z |z|^HEAVIER of normal z.

        The L1 norm of normal inputs is nearly a multiple of their Euclidean norm, which convexity computes. With a few
        large inputs among small ones it is not.
        """
        normal, _ = self.sample(spec, batch, rng)
        inputs = normal * normal.abs() ** HEAVIER
        return inputs, normalised_norm(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean((-2, -1))

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return moments(spec.sizes[0])

    @property
    def contours(self) -> Sequence[float]:
        return (0.07, 0.15)  # as in the paper's figure 5


def normalised_norm(inputs: Tensor) -> Tensor:
    """‖x‖₁ with the mean 0 and the variance 1 that normal inputs give it: [..., input] -> [..., 1]."""
    mean, deviation = moments(inputs.shape[-1])
    return (inputs.abs().sum(-1, keepdim=True) - mean) / deviation


def moments(size: int) -> tuple[float, float]:
    """Mean and standard deviation of the L1 norm of `size` standard normal numbers."""
    return size * math.sqrt(2 / math.pi), math.sqrt(size * (1 - 2 / math.pi))
