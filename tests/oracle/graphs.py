"""The computation graph of an MLP, and the graph of the ends of its weights, on which attention runs."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import NamedTuple

import dgl

from hypergraph.spec import MLPSpec

FRONT, BEHIND = 0, 1


class Weight(NamedTuple):
    """W_ij of layer l: from neuron i of one layer of neurons to neuron j of a later one, all counted from 0."""

    source_layer: int
    i: int
    target_layer: int
    j: int


def list_weights(spec: MLPSpec) -> list[Weight]:
    """Every weight that the masks keep: by target layer, then source layer, then j, then i."""
    masks = {(mask.source, mask.target): mask.rows or () for mask in spec.masks}
    weights = []
    for target in range(1, len(spec.sizes)):
        for source in range(target):
            if source != target - 1 and (source, target) not in spec.skips:
                continue
            for j, i in product(range(spec.sizes[target]), range(spec.sizes[source])):
                if (source, target) not in masks or masks[source, target][j][i] == "1":
                    weights.append(Weight(source, i, target, j))
    return weights


def list_neurons(spec: MLPSpec) -> list[tuple[int, int]]:
    """(layer, place within it) of every neuron."""
    return [(layer, place) for layer, size in enumerate(spec.sizes) for place in range(size)]


def computation_graph(spec: MLPSpec) -> dgl.DGLGraph:
    """Neurons are nodes, weights are edges."""
    number = {neuron: n for n, neuron in enumerate(list_neurons(spec))}
    edges = [(number[w.source_layer, w.i], number[w.target_layer, w.j]) for w in list_weights(spec)]
    sources, targets = zip(*edges, strict=True)
    return dgl.graph((sources, targets), num_nodes=len(number))


def graph_of_ends(graph: dgl.DGLGraph) -> dgl.DGLGraph:
    """Node 2e + end is one end of weight e; ends that meet at a neuron are joined, both ways and each to itself."""
    meeting = defaultdict(list)
    for edge, (source, target) in enumerate(zip(*(side.tolist() for side in graph.edges()), strict=True)):
        meeting[target].append(2 * edge + FRONT)
        meeting[source].append(2 * edge + BEHIND)
    pairs = [pair for ends in meeting.values() for pair in product(ends, repeat=2)]
    return dgl.graph(pairs, num_nodes=2 * graph.num_edges())
