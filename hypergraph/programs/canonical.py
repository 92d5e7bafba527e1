"""Choose the signs and scales of neurons that their activation leaves open, so that alike neurons have alike weights.

Where f(-z) = f(z), a neuron's weights may change their sign; where f(-z) = -f(z), all that it reads and sends may; and
where f(cz) = cᵏ f(z) for c > 0, it may read more and send less.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.programs.graph import Graph
from hypergraph.weights import activation

GRID = torch.linspace(-4, 4, 100, dtype=torch.float64, device="cpu")
"""Sums at which activations are compared; zero is not among them."""


class Freedom(NamedTuple):
    """What an activation leaves open.

    Attributes:
        mirror: 1 where it is even, -1 where it is odd, 0 elsewhere.
        power: k where f(cz) = cᵏ f(z), 0 elsewhere.
    """

    mirror: int
    power: int


def freedom(name: str) -> Freedom:
    """What an activation leaves open."""
    sigma = activation(name)
    values = sigma(GRID)
    mirror = next((sign for sign in (1, -1) if torch.allclose(sigma(-GRID), sign * values)), 0)
    power = next((k for k in (1, 2) if torch.allclose(sigma(2 * GRID), 2**k * values)), 0)
    return Freedom(mirror, power)


def canonical(graph: Graph) -> Graph:
    """The same function by neurons whose strongest weights are positive and whose strongest outgoing ones are 1."""
    weights, biases = dict(graph.weights), list(graph.biases)
    for layer in reversed(range(1, graph.last)):
        mirror, power = freedom(graph.activations[layer - 1])
        reads = torch.cat([weights[source, layer] for source in graph.sources(layer)], 1)
        sends = torch.cat([weights[layer, target] for target in graph.targets(layer)])
        signs = _strongest(reads).sign() if mirror else torch.ones(len(reads), dtype=torch.float64)
        sizes = _strongest(sends.mT).abs() if power else torch.ones(len(reads), dtype=torch.float64)
        idle = (signs == 0) | (sizes == 0)
        signs, sizes = signs.masked_fill(idle, 1), sizes.masked_fill(idle, 1)
        reading = signs * sizes ** (1 / max(power, 1))
        sending = (signs if mirror < 0 else 1) / sizes
        for source in graph.sources(layer):
            weights[source, layer] = weights[source, layer] * reading[:, None]
        biases[layer - 1] = biases[layer - 1] * reading
        for target in graph.targets(layer):
            weights[layer, target] = weights[layer, target] * sending
    return Graph(graph.activations, weights, biases)


def _strongest(weights: Tensor) -> Tensor:
    """The weight of greatest size in each row."""
    return weights.gather(1, weights.abs().argmax(1, keepdim=True))[:, 0]
