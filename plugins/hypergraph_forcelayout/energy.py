"""The energy of a force-directed drawing (Appendix B.1) and its gradient, for a batch of networks at once.

Neurons at distance r repel each other with energy 1/r, a weight of size k pulls its two neurons together with k r²,
and the origin pulls at every neuron with r². Lengths have no unit: a drawing is rescaled as needed.

Nothing here mixes networks, and no sum's rounding depends on how many there are: a network drawn in a batch is, bit
for bit, that network drawn alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

PULL = 4.0
"""How strongly all weights of the average neuron pull at it, where the origin pulls with strength 1."""

CLOSEST = 1e-6
"""Nearer neurons repel each other as if they were this far apart, so that no force is infinite."""

BLOCK = 2**16
"""Pairs of neurons to compute with at once: few enough that all intermediates stay in a processor's cache."""


def attraction(adjacency: Tensor) -> Tensor:
    """How strongly each pair attracts each other [network, neuron, neuron], from weights of that shape; symmetric.

    The sizes of a network's weights are divided by one number, such that they sum to `PULL` at the average neuron.
    Multiplying all weights by a constant, or having many small ones in place of a few large, thus leaves the balance
    between the weights, the repulsion and the origin as it is; within a network, weights keep their proportions.
    """
    size = adjacency.abs()
    size = size + size.mT
    total = size.sum(-1).sum(-1)[..., None, None]
    # Divided first, so that a network of minute weights does not overflow, and one without any keeps its zeros.
    return size / total.where(total > 0, 1.0) * (PULL * size.shape[-1])


def energy(positions: Tensor, attraction: Tensor) -> Tensor:
    """The energy [network] of neurons at `positions` [network, neuron, dim]."""
    # From differences: by way of a matrix product, the distance of close neurons would drown in rounding.
    distance = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
    itself = torch.eye(positions.shape[-2], dtype=torch.bool)
    repelled = distance.masked_fill(itself, math.inf).clamp(min=CLOSEST).reciprocal()
    pairs = repelled + attraction * distance.square()
    return 0.5 * pairs.sum((-1, -2)) + positions.square().sum((-1, -2))


def gradient(positions: Tensor, attraction: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the energy [network, neuron, dim], and how stiff each neuron's surroundings are.

    The stiffness [network, neuron, 1] bounds the curvature of the energy, in any direction, from above by a diagonal
    matrix: gradient divided by stiffness is a step that neither overshoots between neurons that all but coincide,
    where 1/r diverges, nor crawls where neurons are far apart.
    """
    networks, neurons, _ = positions.shape
    axes = positions.mT.contiguous()
    rows = max(1, BLOCK // max(1, networks * neurons))
    blocks = [_forces(axes, attraction, slice(start, start + rows)) for start in range(0, neurons, rows)]
    spring, stiffness = (torch.cat(parts, 1) for parts in zip(*blocks, strict=True))
    return 2 * positions + spring, 2 + stiffness


def _forces(axes: Tensor, attraction: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """What the pairs add to gradient and stiffness of the neurons in `rows`, from positions [network, dim, neuron]."""
    apart = [axis[:, rows, None] - axis[:, None, :] for axis in axes.unbind(1)]
    square = apart[0].square()
    for component in apart[1:]:
        square += component.square()
    repulsion = square.clamp_(min=CLOSEST**2).rsqrt_().pow_(3)
    repulsion.diagonal(rows.start, 1, 2).zero_()
    strength = attraction[:, rows]
    spring = (2 * strength).sub_(repulsion)
    stiffness = 4 * repulsion.add_(strength).sum(-1, keepdim=True)
    # Not a matrix product, which may round differently in a batch of another size.
    return torch.stack([component.mul_(spring).sum(-1) for component in apart], -1), stiffness
