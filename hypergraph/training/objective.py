"""The training objective (B.2.2), gradient clipping, and the test for divergence."""

import torch
from torch import Tensor

FLOOR = 1e-12
"""Keeps the objective finite where a loss reaches zero, as a cross-entropy can; above 1e-4, rounding removes it."""


def objective(loss: Tensor, kl: Tensor, beta: Tensor) -> Tensor:
    """log(L + beta * KL), each [member], with the KL in nats; finite even for L = KL = 0."""
    return torch.log(loss + beta * kl + FLOOR)


def clip_per_member(gradients: list[Tensor], max_norm: float) -> Tensor:
    """Clip each member's gradient, over all tensors [member, ...], to `max_norm`. Returns the old norms, [member]."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    norm: Tensor = torch.linalg.vector_norm(norms, dim=0)
    scale = (max_norm / (norm + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    return norm


MAX_NATS_PER_WEIGHT = 1e6
"""KL per generated weight; successful trainings stay below a hundredth of it."""


def diverged(objectives: Tensor, norms: Tensor, kl: Tensor, weights: int) -> Tensor:
    """Which members diverged in a step: bool [member].

    A member diverges where its objective or the norm of its gradient is not finite, or where its KL, in nats, exceeds
    MAX_NATS_PER_WEIGHT per weight; all three are [member].
    """
    return ~(objectives.isfinite() & norms.isfinite() & (kl <= MAX_NATS_PER_WEIGHT * weights))
