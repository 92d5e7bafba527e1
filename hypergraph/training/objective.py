"""What a step minimises (B.2.2)."""

import torch
from torch import Tensor

FLOOR = 1e-12
"""Keeps the objective finite where a loss comes down to zero, as a cross-entropy does; lost to rounding above 1e-4."""


def objective(loss: Tensor, kl: Tensor, beta: Tensor) -> Tensor:
    """log(L + beta * KL), each [member]; the KL in nats. Finite down to 0."""
    return torch.log(loss + beta * kl + FLOOR)


def clip_per_member(gradients: list[Tensor], most: float) -> Tensor:
    """Scale each member's gradient, over all tensors [member, ...], to a norm of at most `most`. Returns the norms."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    norm: Tensor = torch.linalg.vector_norm(norms, dim=0)
    scale = (most / (norm + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    return norm


MAX_NATS_PER_WEIGHT = 1e6
"""Per generated weight. Trainings that end well pass through less than a hundredth of it."""


def diverged(objectives: Tensor, norms: Tensor, kl: Tensor, weights: int) -> Tensor:
    """Which members went wrong in a step: bool [member].

    Their objective or the norm of their gradient is not finite, or their KL, in nats, exploded; each is [member].
    """
    return ~(objectives.isfinite() & norms.isfinite() & (kl <= MAX_NATS_PER_WEIGHT * weights))
