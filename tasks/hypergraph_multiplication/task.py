"""x₁x₂ + x₃x₄ + … of normal inputs, scaled to unit variance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec


class Multiplication(Task):
    """x ~ N(0, 1)^2n -> Σ x_2i x_2i+1 / √n, under squared error."""

    @property
    def default_spec(self) -> MLPSpec:
        return MLPSpec((8, 32, 1))

    @property
    def solved_loss(self) -> float:
        return 0.1

    def check_spec(self, spec: MLPSpec) -> None:
        if spec.sizes[0] % 2 or spec.sizes[-1] != 1:
            right = ",".join(map(str, (spec.sizes[0] + spec.sizes[0] % 2, *spec.sizes[1:-1], 1)))
            raise SpecError(
                f"pairs are multiplied and summed: {spec} has other ends than an even number and 1; try {right}"
            )

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(batch, spec.sizes[0], generator=rng, device=rng.device)
        return inputs, normalised_products(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean((-2, -1))

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return 0.0, math.sqrt(spec.sizes[0] / 2)


def normalised_products(inputs: Tensor) -> Tensor:
    """The sum of products of neighbours, with the variance 1 that normal inputs give: [..., input] -> [..., 1]."""
    products = inputs[..., 0::2] * inputs[..., 1::2]
    return products.sum(-1, keepdim=True) / math.sqrt(products.shape[-1])
