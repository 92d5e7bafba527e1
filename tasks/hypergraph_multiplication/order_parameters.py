"""Order parameters that distinguish ways to multiply, over any leading axes of first layers [..., hidden, input].

All are independent of scale and of the order of hidden neurons and pairs, and finite where the squared weights are.
Inputs 2i and 2i + 1 are a pair.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import share


def modularity(first: Tensor) -> Tensor:
    """The share of the squared weights that neurons have in the pair that they read most. [..., hidden, input] -> [...]

    1 where every neuron reads one pair; at least one over the number of pairs.
    """
    by_pair = first.square().unflatten(-1, (-1, 2)).sum(-1)
    return share(by_pair.amax(-1), by_pair.sum(-1))


def symmetry(first: Tensor) -> Tensor:
    """The share in the better fitting of the two subspaces, of sums and of differences. [..., hidden, input] -> [...]

    1 where every neuron weighs the two inputs of all pairs alike, or of all pairs oppositely; 1/2 is the minimum.
    """
    sums, differences = _subspaces(first)
    return share(torch.maximum(sums, differences), sums + differences)


def agreement(first: Tensor, second: Tensor) -> Tensor:
    """How far sums are read out with plus and differences with minus: from -1 to 1, 0 at random.

    [..., hidden, input] and [..., 1, hidden] -> [...]
    """
    sums, differences = _subspaces(first)
    read = second.squeeze(-2)
    return share(read * (sums - differences), read.abs() * (sums + differences))


def mirroring(first: Tensor) -> Tensor:
    """How nearly each neuron has its opposite, weighed by squared weights. [..., hidden, input] -> [...]

    1 where every row occurs with both signs, 0 where all rows are orthogonal. For two rows it is -w·w' over the square
    of the longer one, so that a short row does not mirror a long one.
    """
    strength = first.square().sum(-1)
    longer = torch.maximum(strength[..., :, None], strength[..., None, :])
    opposite = -(first @ first.mT) / longer.clamp(min=torch.finfo(first.dtype).tiny)
    return share(opposite.amax(-1) * strength, strength)


def _subspaces(first: Tensor) -> tuple[Tensor, Tensor]:
    """The squared length of each neuron's weights among sums and among differences: [..., hidden] each."""
    left, right = first.unflatten(-1, (-1, 2)).unbind(-1)
    return (left + right).square().sum(-1) / 2, (left - right).square().sum(-1) / 2
