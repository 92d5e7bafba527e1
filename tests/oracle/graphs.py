"""The computation graph of an MLP, and the graph of the ends of its weights, on which attention runs."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import dgl
from listing import list_neurons, list_weights

from hypergraph.spec import MLPSpec

FRONT, BEHIND = 0, 1


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
