"""A program as a network that other tools take."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from hypergraph.programs.graph import Graph, Pair
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation

FAR = 1e4
"""Sum at which an activation shows whether it is a line there."""
RANGE = 10.0
"""Inputs up to this size keep the neurons that stand for a line in the range where the activation is one."""


def realise(graph: Graph, spec: MLPSpec) -> MLPWeights:
    """The network of a graph, with the sizes and skips of `spec` and more of them only where it needs more.

    Lines that skip a layer go through new neurons where the activation is a line from afar.
    """
    allowed = {(connection.source, connection.target) for connection in spec.connections}

    def can_be_relayed(pair: Pair) -> bool:
        return pair not in allowed and _is_line_from_afar(spec.activations[pair[0]])

    while pair := next(filter(can_be_relayed, graph.weights), None):
        graph = _relayed(graph, pair)
    return _padded(graph, spec)


def _is_line_from_afar(name: str) -> bool:
    far = torch.tensor([FAR, FAR + 1], dtype=torch.float64)
    return bool(torch.allclose(activation(name)(far), far, rtol=1e-12))


def _relayed(graph: Graph, pair: Pair) -> Graph:
    """The graph with new neurons in the next layer in place of a skip; each copies what one target receives."""
    source, target = pair
    layer, skip = source + 1, graph.weights[pair]
    weights = {other: weight for other, weight in graph.weights.items() if other != pair}
    biases = list(graph.biases)
    outward = weights.get((layer, target), torch.zeros(len(skip), len(biases[layer - 1]), dtype=torch.float64))
    size = outward.sum(1).sign() * outward.abs().mean(1) if outward.shape[1] else torch.ones(len(skip))
    size = torch.where(size == 0, torch.ones_like(size), size).double()
    rows = skip / size[:, None]
    offsets = RANGE * (1 + rows.abs().sum(1))
    added = len(rows)
    for start in graph.sources(layer):
        zeros = torch.zeros(added, graph.sizes[start], dtype=torch.float64)
        weights[start, layer] = torch.cat([weights[start, layer], rows if start == source else zeros])
    for end in graph.targets(layer):
        zeros = torch.zeros(graph.sizes[end], added, dtype=torch.float64)
        weights[layer, end] = torch.cat([weights[layer, end], zeros], 1)
    weights[layer, target] = torch.cat([outward, size.diag()], 1)
    biases[layer - 1] = torch.cat([biases[layer - 1], offsets])
    biases[target - 1] = biases[target - 1] - size * offsets
    return replace(graph, weights=weights, biases=biases)


def _padded(graph: Graph, spec: MLPSpec) -> MLPWeights:
    """The network of a graph, with idle neurons where it has fewer than `spec`."""
    sizes = tuple(map(max, graph.sizes, spec.sizes))
    skips = sorted({*spec.skips, *(pair for pair in graph.weights if pair[1] - pair[0] > 1)})
    full = MLPSpec(sizes, activation=spec.activation, skips=tuple(skips))
    weights = []
    for connection in full.connections:
        source, target = connection.source, connection.target
        weight = torch.zeros(sizes[target], sizes[source], dtype=torch.float64)
        known = graph.weights.get((source, target), weight[:0, :0])
        weight[: known.shape[0], : known.shape[1]] = known
        weights.append(weight)
    biases = [F.pad(bias, (0, size - len(bias))) for bias, size in zip(graph.biases, sizes[1:], strict=True)]
    return MLPWeights(full, tuple(weights), tuple(biases))
