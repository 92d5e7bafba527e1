"""Force-directed layout (Appendix B.1): gradient descent in four dimensions, of which two fade away.

In the plane, two modules that have become tangled cannot slide past each other. In four dimensions they can; a decay
that grows from step to step then presses the drawing flat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from hypergraph_forcelayout.energy import attraction, gradient

DIMENSIONS = 4
ANNEALING = 600
"""Steps until the excess dimensions have vanished."""
SETTLING = 200
"""Steps in the plane that follow."""
MOMENTUM = 0.9


def force_layout(adjacency: Tensor, seed: int) -> Tensor:
    """Positions in the plane [network, neuron, 2], from weights [network, neuron, neuron].

    The same seed gives the same positions, bit for bit. All networks start from the same positions, so that similar
    networks are drawn alike.
    """
    return deque(descend(attraction(adjacency), seed), maxlen=1).pop()


def descend(attraction: Tensor, seed: int) -> Iterator[Tensor]:
    """Lay out networks of given attraction [network, neuron, neuron]; yields the start and what each step leaves.

    Positions are [network, neuron, 4], and [network, neuron, 2] once the excess dimensions have vanished.
    """
    positions = _start(attraction.shape[-1], seed).expand(len(attraction), -1, -1)
    velocity = torch.zeros_like(positions)
    yield positions
    for step in range(ANNEALING):
        kept = torch.tensor([1.0, 1.0] + [1 - ((step + 1) / ANNEALING) ** 2] * (DIMENSIONS - 2), dtype=positions.dtype)
        velocity = _push(velocity, positions, attraction) * kept
        positions = positions * kept + velocity
        yield positions
    # Both have been multiplied by zero there.
    positions, velocity = positions[..., :2], velocity[..., :2]
    for _ in range(SETTLING):
        velocity = _push(velocity, positions, attraction)
        positions = positions + velocity
        yield positions


def _start(neurons: int, seed: int) -> Tensor:
    """Random positions [neuron, dim] in a ball about as large as the layout will be."""
    rng = torch.Generator().manual_seed(seed)
    # The origin's pull 2r on a neuron balances the repulsion n/r² of all others where r³ = n/2.
    radius: float = (neurons / 2) ** (1 / 3)
    return torch.randn(neurons, DIMENSIONS, generator=rng, dtype=torch.float64) * (radius / 2)


def _push(velocity: Tensor, positions: Tensor, attraction: Tensor) -> Tensor:
    downhill, stiffness = gradient(positions, attraction)
    return MOMENTUM * velocity - downhill / stiffness
