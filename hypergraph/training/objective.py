"""The training objective (B.2.2), and the test for divergence."""

import torch
from torch import Tensor

FLOOR = 1e-12
"""Keeps the objective finite where a loss reaches zero, as a cross-entropy can; above 1e-4, rounding removes it."""


def objective(loss: Tensor, kl: Tensor, beta: Tensor) -> Tensor:
    """log(L + beta * KL), each [member], with the KL in nats; finite even for L = KL = 0."""
    return torch.log(loss + beta * kl + FLOOR)


MAX_NATS_PER_WEIGHT = 1e6
"""KL per generated weight; successful trainings stay below a hundredth of it."""


def diverged(objectives: Tensor, norms: Tensor, kl: Tensor, weights: int) -> Tensor:
    """Which members diverged in a step: bool [member].

    A member diverges where its objective or the norm of its gradient is not finite, or where its KL, in nats, exceeds
    MAX_NATS_PER_WEIGHT per weight; all three are [member].
    """
    return ~(objectives.isfinite() & norms.isfinite() & (kl <= MAX_NATS_PER_WEIGHT * weights))
