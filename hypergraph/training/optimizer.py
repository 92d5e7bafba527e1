"""Adam, with gradients clipped per member; the largest gradient, a product of two vectors, is never written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.model.kernel import adam_available, compiled_adam
from hypergraph.model.pareto import ParetoHyperhypernetwork

BETAS = (0.9, 0.99)
EPSILON = 1e-8
CLIP = 1.0


class Moved(NamedTuple):
    """A parameter, its moments, each [member, row, column], and its gradient [member, 1, column].

    Where there are several rows, the gradient of a row is its feature times that.
    """

    gradient: Tensor
    values: Tensor
    means: Tensor
    squares: Tensor


class ParetoAdam:
    """Steps the parameters of a hyperhypernetwork down their gradients.

    Its last matrix, nine tenths of the parameters, is multiplied by one vector of features per member and step. So its
    gradient is the product of these features and the gradient by the last bias, exactly; autograd is told to leave it
    out, and each step forms its entries where it needs them.

    Attributes:
        state: parameters and their moments by name, each [member, ...].
    """

    def __init__(self, pareto: ParetoHyperhypernetwork) -> None:
        self.pareto = pareto
        pareto.weight3.requires_grad_(False)
        self.state: dict[str, Tensor] = {}
        for name, parameter in pareto.named_parameters():
            moments = {f"{moment}.{name}": torch.zeros_like(parameter) for moment in ("mean", "square")}
            self.state |= {name: parameter.data, **moments}

    @torch.no_grad()
    def step(self, beta: Tensor, rate: float | Tensor, root: float | Tensor) -> Tensor:
        """Update the parameters, and drop their gradients, which `beta` [member] gave; see `corrected`.

        Returns the norms of the gradients before clipping, [member].
        """
        features = self.pareto.features(beta).squeeze(1)
        grads = {name: p.grad for name, p in self.pareto.named_parameters() if p.grad is not None}
        parts = [self._part(name, grad.flatten(1).contiguous(), 1) for name, grad in grads.items()]
        parts.append(self._part("weight3", grads["bias3"].flatten(1).contiguous(), features.shape[1]))
        if adam_available(features):
            norms = compiled_adam(features, parts, float(rate), float(root), *BETAS, EPSILON, CLIP)
        else:
            norms = torch_adam(features, parts, rate, root, *BETAS, EPSILON, CLIP)
        for parameter in self.pareto.parameters():
            parameter.grad = None
        return norms

    def _part(self, name: str, grad: Tensor, rows: int) -> Moved:
        shape = len(grad), rows, grad.shape[1]
        return Moved(grad.unsqueeze(1), *(self.state[kind + name].view(shape) for kind in ("", "mean.", "square.")))


def corrected(learning_rate: float, step: int) -> tuple[float, float]:
    """The learning rate over the correction of the means in this step, from 1, and the root of that of the squares."""
    first, second = (1 - beta**step for beta in BETAS)
    return learning_rate / first, math.sqrt(second)


def torch_adam(
    features: Tensor,
    parts: Sequence[Moved],
    rate: float | Tensor,
    root: float | Tensor,
    beta1: float,
    beta2: float,
    epsilon: float,
    max_norm: float,
) -> Tensor:
    """One step of Adam with torch operators, in place.

    Args:
        features: [member, row].
        parts: the parameters.
        rate, root: as `corrected` gives them, or scalars on the device.
        beta1, beta2, epsilon: Adam's.
        max_norm: to which each member's gradient is clipped.

    Returns:
        The norms of the gradients before clipping, [member].
    """
    lefts = [features.unsqueeze(2) if part.values.shape[1] > 1 else features.new_ones(1, 1, 1) for part in parts]
    each = [_norm(left) * _norm(part.gradient) for left, part in zip(lefts, parts, strict=True)]
    norms: Tensor = torch.linalg.vector_norm(torch.stack(each), dim=0)
    scale = (max_norm / (norms + 1e-6)).clamp(max=1).view(-1, 1, 1)
    for left, (gradient, values, means, squares) in zip(lefts, parts, strict=True):
        factor = scale * left
        means.mul_(beta1).addcmul_(factor, gradient, value=1 - beta1)
        squares.mul_(beta2).addcmul_(factor.square(), gradient.square(), value=1 - beta2)
        values.addcdiv_(means * -rate, squares.sqrt().div_(root).add_(epsilon))
    return norms


def _norm(tensor: Tensor) -> Tensor:
    """Of each member: [member, ...] -> [member]."""
    norm: Tensor = torch.linalg.vector_norm(tensor.flatten(1), dim=1)
    return norm
