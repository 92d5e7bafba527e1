"""The energy of a force-directed drawing (Appendix B.1) and its gradient, for a batch of networks at once.

Two neurons at distance r repel each other with energy 1/r, a weight of size k attracts its two neurons with k r², and
the origin attracts every neuron with r². Lengths have no unit, because a drawing is rescaled.

Networks do not affect each other, and rounding does not depend on their number: a network has the same bits in a batch
as alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

PULL = 4.0
"""The total attraction by the weights of the average neuron, relative to that of the origin."""

CLOSEST = 1e-6
"""The smallest distance in the repulsion, so that no force is infinite."""

BLOCK = 2**16
"""Pairs of neurons per block: few enough that all intermediates stay in the processor's cache."""


def attraction(adjacency: Tensor) -> Tensor:
    """The symmetric attraction of each pair [network, neuron, neuron], from weights of that shape.

    The sizes of a network's weights are scaled to sum to `PULL` at the average neuron. So the balance between weights,
    repulsion and origin depends neither on the scale of the weights nor on their number.
    """
    size = adjacency.abs()
    size = size + size.mT
    total = size.sum(-1).sum(-1)[..., None, None]
    # divide first: tiny weights do not overflow, and zero weights stay zero
    return size / total.where(total > 0, 1.0) * (PULL * size.shape[-1])


def energy(positions: Tensor, attraction: Tensor) -> Tensor:
    """The energy [network] of neurons at `positions` [network, neuron, dim]."""
    # not by a matrix product, whose rounding hides the distance of close neurons
    distance = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
    itself = torch.eye(positions.shape[-2], dtype=torch.bool)
    repelled = distance.masked_fill(itself, math.inf).clamp(min=CLOSEST).reciprocal()
    pairs = repelled + attraction * distance.square()
    return 0.5 * pairs.sum((-1, -2)) + positions.square().sum((-1, -2))


def gradient(positions: Tensor, attraction: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the energy [network, neuron, dim] and its stiffness at each neuron [network, neuron, 1].

    The stiffness is a diagonal upper bound of the curvature in every direction. The gradient divided by it is a step
    that neither overshoots where neurons nearly coincide and 1/r diverges, nor is slow where they are far apart.
    """
    networks, neurons, _ = positions.shape
    axes = positions.mT.contiguous()
    rows = max(1, BLOCK // max(1, networks * neurons))
    blocks = [_forces(axes, attraction, slice(start, start + rows)) for start in range(0, neurons, rows)]
    spring, stiffness = (torch.cat(parts, 1) for parts in zip(*blocks, strict=True))
    return 2 * positions + spring, 2 + stiffness


def _forces(axes: Tensor, attraction: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """The pairs' part of gradient and stiffness of the neurons in `rows`; positions are [network, dim, neuron]."""
    apart = [axis[:, rows, None] - axis[:, None, :] for axis in axes.unbind(1)]
    square = apart[0].square()
    for component in apart[1:]:
        square += component.square()
    repulsion = square.clamp_(min=CLOSEST**2).rsqrt_().pow_(3)
    repulsion.diagonal(rows.start, 1, 2).zero_()
    strength = attraction[:, rows]
    spring = (2 * strength).sub_(repulsion)
    stiffness = 4 * repulsion.add_(strength).sum(-1, keepdim=True)
    # not a matrix product, whose rounding may depend on the batch size
    return torch.stack([component.mul_(spring).sum(-1) for component in apart], -1), stiffness
