"""Adam, with gradients clipped per member; the largest gradient, a product of two vectors, is never written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.model.kernel import adam_available, compiled_adam
from hypergraph.model.pareto import ParetoHyperhypernetwork

BETAS = (0.9, 0.99)
EPSILON = 1e-8
CLIP = 1.0


class Rates(NamedTuple):
    """The numbers of one step."""

    rate: float
    """The learning rate, over the correction of the means."""
    root: float
    """What square roots of the squares are divided by: the root of their correction."""


class Adam:
    """Steps the parameters of a hyperhypernetwork down their gradients.

    Its last matrix, nine tenths of the parameters, is multiplied by one vector of features per member and step. So its
    gradient is the product of these features and the gradient by the last bias, exactly; autograd is told to leave it
    out, and each step forms its entries where it needs them.

    Attributes:
        state: parameters and their moments by name, each [member, ...].
        steps: the number of steps done so far.
    """

    def __init__(self, pareto: ParetoHyperhypernetwork) -> None:
        self.pareto, self.steps = pareto, 0
        pareto.weight3.requires_grad_(False)
        self.state: dict[str, Tensor] = {}
        for name, parameter in pareto.named_parameters():
            moments = {f"{moment}.{name}": torch.zeros_like(parameter) for moment in ("mean", "square")}
            self.state |= {name: parameter.data, **moments}

    @torch.no_grad()
    def step(self, beta: Tensor, learning_rate: float) -> Tensor:
        """Update the parameters, and drop their gradients, which `beta` [member] gave.

        Returns the norms of the gradients before clipping, [member].
        """
        self.steps += 1
        features = self.pareto.features(beta).mT
        grads = {name: p.grad for name, p in self.pareto.named_parameters() if p.grad is not None}
        norms = _norms(grads, features)
        scale = (CLIP / (norms + 1e-6)).clamp(max=1).view(-1, 1, 1)
        first, second = (1 - beta**self.steps for beta in BETAS)
        rates = Rates(learning_rate / first, math.sqrt(second))
        for name, grad in grads.items():
            self._update(name, scale, grad.flatten(1).unsqueeze(1), rates)
        self._update("weight3", scale * features, grads["bias3"], rates)
        for parameter in self.pareto.parameters():
            parameter.grad = None
        return norms

    def _update(self, name: str, left: Tensor, right: Tensor, rates: Rates) -> None:
        """Update a parameter whose gradient is left [member, row, 1] * right [member, 1, column]."""
        shape = len(right), left.shape[1], right.shape[2]
        parameter, mean, square = (self.state[prefix + name].view(shape) for prefix in ("", "mean.", "square."))
        update = compiled_adam if adam_available(right) else torch_adam
        update(left, right, parameter, mean, square, *rates, *BETAS, EPSILON)


def _norms(grads: Mapping[str, Tensor], features: Tensor) -> Tensor:
    """Of each member's gradient over all parameters; that by weight3 is features * the gradient by bias3."""
    norms = {name: torch.linalg.vector_norm(grad.flatten(1), dim=1) for name, grad in grads.items()}
    norms["weight3"] = norms["bias3"] * torch.linalg.vector_norm(features.flatten(1), dim=1)
    whole: Tensor = torch.linalg.vector_norm(torch.stack(list(norms.values())), dim=0)
    return whole


def torch_adam(
    left: Tensor,
    right: Tensor,
    parameter: Tensor,
    mean: Tensor,
    square: Tensor,
    rate: float,
    root: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """One step of Adam, in place, on the gradient left * right."""
    mean.mul_(beta1).addcmul_(left, right, value=1 - beta1)
    square.mul_(beta2).addcmul_(left.square(), right.square(), value=1 - beta2)
    parameter.addcdiv_(mean, square.sqrt().div_(root).add_(epsilon), value=-rate)
