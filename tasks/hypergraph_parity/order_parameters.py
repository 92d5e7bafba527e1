"""Order parameters of ways to compute a parity, over any leading axes of first layers [..., hidden, input].

All are independent of scale and of the order of neurons and inputs, and finite where the weights are. Flipping the
signs of an input's weights changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive


def evenness(first: Tensor) -> Tensor:
    """How equal in size a neuron's weights are: 1 if all are, 1/n if all but one are 0. [..., hidden, input] -> [...]

    Strong neurons count more. Normal weights have about 2/π.
    """
    total = first.square().sum((-2, -1))
    return (first.abs().sum(-1).square().sum(-1) / first.shape[-1]) / positive(total)


def alignment(first: Tensor) -> Tensor:
    """The share of the squared weights along their leading direction: σ₁² / Σσ². [..., hidden, input] -> [...]

    1 where all neurons read the same sum of the inputs; at least 1/n. NaN where a weight is not finite.
    """
    finite = first.isfinite().all(-1).all(-1)
    squares = torch.linalg.svdvals(first.nan_to_num(0, 0, 0)).square()
    leading = squares[..., 0] / positive(squares.sum(-1))
    return torch.where(finite, leading, torch.nan)
