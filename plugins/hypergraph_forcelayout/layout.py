"""Force-directed layout (Appendix B.1): gradient descent in four dimensions, two of which are annealed to zero.

Tangled modules cannot pass each other in the plane, but they can in four dimensions; a growing decay then flattens the
drawing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from hypergraph_forcelayout.energy import attraction, gradient

DIMENSIONS = 4
ANNEALING = 600
"""Steps until the excess dimensions are zero."""
SETTLING = 200
"""Further steps in the plane."""
MOMENTUM = 0.9
FOLLOWING = 20
"""Steps in the plane from one frame of a path to the next."""


def force_layout(adjacency: Tensor, seed: int) -> Tensor:
    """Positions in the plane [network, neuron, 2], from weights [network, neuron, neuron].

    The same seed gives the same positions, bit for bit. All networks start from the same positions, so that similar
    networks are drawn alike.
    """
    return deque(descend(attraction(adjacency), seed), maxlen=1).pop()


def force_path(adjacency: Tensor, seed: int, start: Tensor | None = None) -> Tensor:
    """Positions [path, frame, neuron, 2] along paths of weights [path, frame, neuron, neuron].

    Each frame starts from the positions of the one before, the first from `start` [path, neuron, 2], or else as
    `force_layout` has it.
    """
    frames = attraction(adjacency.flatten(0, 1)).reshape(adjacency.shape).unbind(1)
    first = force_layout(adjacency[:, 0], seed) if start is None else _follow(start, frames[0])
    places = [first]
    for pull in frames[1:]:
        places.append(_follow(places[-1], pull))
    return torch.stack(places, 1)


def _follow(positions: Tensor, attraction: Tensor) -> Tensor:
    velocity = torch.zeros_like(positions)
    for _ in range(FOLLOWING):
        velocity = _push(velocity, positions, attraction)
        positions = positions + velocity
    return positions


def descend(attraction: Tensor, seed: int) -> Iterator[Tensor]:
    """Lay out networks by their attraction [network, neuron, neuron]; yields the positions at the start and each step.

    Positions are [network, neuron, 4], and [network, neuron, 2] once the excess dimensions are zero.
    """
    positions = _start(attraction.shape[-1], seed).expand(len(attraction), -1, -1)
    velocity = torch.zeros_like(positions)
    yield positions
    for step in range(ANNEALING):
        kept = torch.tensor([1.0, 1.0] + [1 - ((step + 1) / ANNEALING) ** 2] * (DIMENSIONS - 2), dtype=positions.dtype)
        velocity = _push(velocity, positions, attraction) * kept
        positions = positions * kept + velocity
        yield positions
    # the excess dimensions were multiplied by zero
    positions, velocity = positions[..., :2], velocity[..., :2]
    for _ in range(SETTLING):
        velocity = _push(velocity, positions, attraction)
        positions = positions + velocity
        yield positions


def _start(neurons: int, seed: int) -> Tensor:
    """Random positions [neuron, dim] in a ball of about the size of the final layout."""
    rng = torch.Generator().manual_seed(seed)
    # the attraction 2r of the origin balances the repulsion n/r² of all others at r³ = n/2
    radius: float = (neurons / 2) ** (1 / 3)
    return torch.randn(neurons, DIMENSIONS, generator=rng, dtype=torch.float64) * (radius / 2)


def _push(velocity: Tensor, positions: Tensor, attraction: Tensor) -> Tensor:
    downhill, stiffness = gradient(positions, attraction)
    return MOMENTUM * velocity - downhill / stiffness
