"""What tells ways to compute a parity apart, over any leading axes of first layers [..., hidden, input].

All are free of scale, do not depend on the order of neurons or inputs, and are finite where the weights are. A sign
may be read either way: turning the signs of an input and of its weights changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor


def evenness(first: Tensor) -> Tensor:
    """How equal in size a neuron's weights are: 1 if all are, 1/n if one stands alone. [..., hidden, input] -> [...]

    Strong neurons count more. Of normal weights about 2/π.
    """
    total = first.square().sum((-2, -1))
    return (first.abs().sum(-1).square().sum(-1) / first.shape[-1]) / _positive(total)


def alignment(first: Tensor) -> Tensor:
    """The share of the squared weights along the one direction that has most: σ₁² / Σσ². [..., hidden, input] -> [...]

    1 where all neurons read the same sum of the inputs; at least 1/n. NaN where a weight is not finite.
    """
    finite = first.isfinite().all(-1).all(-1)
    squares = torch.linalg.svdvals(first.nan_to_num(0, 0, 0)).square()
    share = squares[..., 0] / _positive(squares.sum(-1))
    return torch.where(finite, share, torch.nan)


def seed_dependence(first: Tensor, sibling: Tensor) -> Tensor:
    """‖W - V‖² / (‖W‖² + ‖V‖²), V another sample of the same generator: 0 if equal, about 1 if unrelated."""
    distance = (first - sibling).square().sum((-2, -1))
    return distance / _positive(first.square().sum((-2, -1)) + sibling.square().sum((-2, -1)))


def _positive(denominator: Tensor) -> Tensor:
    return denominator.clamp(min=torch.finfo(denominator.dtype).tiny)
