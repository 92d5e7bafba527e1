"""Positional encodings of a weight: of its input neuron, its output neuron and its layer (Figure 7)."""

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import POSITION

LONGEST_WAVE = 10_000.0


def sinusoids(position: Tensor) -> Tensor:
    """Sines and cosines of `position` at geometrically spaced wavelengths: [...] -> [POSITION, ...]."""
    rates = LONGEST_WAVE ** (-torch.arange(0, POSITION, 2, dtype=torch.float64, device=position.device) / POSITION)
    angles = rates.view(-1, *[1] * position.dim()) * position
    return torch.cat([angles.sin(), angles.cos()])


def positional_encodings(graph: ComputationGraph) -> Tensor:
    """The three encodings of every weight, float64 [3 * POSITION, weights].

    The input neuron is encoded for weights from the input layer, the output neuron for weights into the output layer;
    elsewhere these encodings are zero. The layer of a weight is the mean of the encodings of its two ends: between
    consecutive layers this is the paper's encoding of the layer number, and every skip connection gets its own.
    """
    first = graph.source_layer == 0
    last = graph.target_layer == graph.depth
    layer = (sinusoids(graph.source_layer) + sinusoids(graph.target_layer - 1)) / 2
    return torch.cat([sinusoids(graph.source_index) * first, sinusoids(graph.target_index) * last, layer])
