"""Order parameters that fit every task, and helpers for those of one task."""

from __future__ import annotations

import torch
from torch import Tensor


def seed_dependence(weight: Tensor, sibling: Tensor) -> Tensor:
    """α₃ (equation 7): ‖W - V‖² / (‖W‖² + ‖V‖²), where V is another sample of the same generator.

    0 for equal matrices, even for zeros; about 1 for unrelated ones; at most 2. Two [..., target, source] -> [...]
    """
    distance = (weight - sibling).square().sum((-2, -1))
    return distance / positive(weight.square().sum((-2, -1)) + sibling.square().sum((-2, -1)))


def share(part: Tensor, whole: Tensor) -> Tensor:
    """Σ part / Σ whole over the last axis, 0 where the whole is 0: two [..., neuron] -> [...]"""
    return part.sum(-1) / positive(whole.sum(-1))


def positive(denominator: Tensor) -> Tensor:
    """Replace zeros by the smallest positive number, so that 0 / 0 gives 0."""
    return denominator.clamp(min=torch.finfo(denominator.dtype).tiny)
