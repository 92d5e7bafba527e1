"""What tells ways to find a maximum apart, over any leading axes of first layers [..., hidden, input].

All are free of scale, do not depend on the order of neurons or inputs, and are finite where the weights are. Strong
neurons count more.
"""

from __future__ import annotations

import torch
from torch import Tensor


def singles(first: Tensor) -> Tensor:
    """The share of the squared weights in the input that each neuron reads most: 1 where it reads no other. -> [...]"""
    squares = first.square()
    return _share(squares.amax(-1), squares.sum(-1))


def duels(first: Tensor) -> Tensor:
    """The share in the difference of two inputs that each neuron takes most: 1 where it does nothing else. -> [...]

    A contrast of one against many others has about 1/2.
    """
    largest = (first.amax(-1) - first.amin(-1)).square() / 2
    return _share(largest, first.square().sum(-1))


def common(first: Tensor) -> Tensor:
    """How much neurons see of a shift of all inputs: Σ_j (Σ_i W_ji)² / Σ W². -> [...]

    0 where the weights of each add up to zero, 1 at random or where each reads one input, n where it reads their mean.
    """
    return _share(first.sum(-1).square(), first.square().sum(-1))


def seed_dependence(first: Tensor, sibling: Tensor) -> Tensor:
    """‖W - V‖² / (‖W‖² + ‖V‖²), V another sample of the same generator: 0 if equal, about 1 if unrelated."""
    return _share((first - sibling).square().sum(-1), first.square().sum(-1) + sibling.square().sum(-1))


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Σ part / Σ whole over the last axis, 0 where there is nothing."""
    total = whole.sum(-1)
    return part.sum(-1) / total.clamp(min=torch.finfo(total.dtype).tiny)
