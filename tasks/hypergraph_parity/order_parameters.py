"""What tells ways to compute a parity apart, over any leading axes of first layers [..., hidden, input].

All are free of scale, do not depend on the order of neurons or inputs, and are finite where the weights are. A sign
may be read either way: turning the signs of an input and of its weights changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive


def evenness(first: Tensor) -> Tensor:
    """How equal in size a neuron's weights are: 1 if all are, 1/n if one stands alone. [..., hidden, input] -> [...]

    Strong neurons count more. Of normal weights about 2/π.
    """
    total = first.square().sum((-2, -1))
    return (first.abs().sum(-1).square().sum(-1) / first.shape[-1]) / positive(total)


def alignment(first: Tensor) -> Tensor:
    """The share of the squared weights along the one direction that has most: σ₁² / Σσ². [..., hidden, input] -> [...]

    1 where all neurons read the same sum of the inputs; at least 1/n. NaN where a weight is not finite.
    """
    finite = first.isfinite().all(-1).all(-1)
    squares = torch.linalg.svdvals(first.nan_to_num(0, 0, 0)).square()
    leading = squares[..., 0] / positive(squares.sum(-1))
    return torch.where(finite, leading, torch.nan)
