"""The weights of a network as one matrix over its neurons, from which drawings are made.

Neurons are numbered layer by layer, inputs first. Biases are not drawn, because they belong to no pair of neurons.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch
from torch import Tensor

from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights


def layer_slices(spec: MLPSpec) -> list[slice]:
    """The slice of each layer among all neurons."""
    return [slice(start, stop) for start, stop in pairwise(accumulate(spec.sizes, initial=0))]


def adjacency(weights: MLPWeights) -> Tensor:
    """The weights [network, target neuron, source neuron], float64 on the CPU, zero where there is no weight.

    The weights of each connection are divided by their norm. The relative strength of layers says little, because a
    factor can move through a hidden neuron (exactly with ReLU), and often one layer would hide another.
    """
    layers = layer_slices(weights.spec)
    neurons = layers[-1].stop
    matrix = torch.zeros(*weights.lead, neurons, neurons, dtype=torch.float64)
    for connection, weight in zip(weights.spec.connections, weights.weights, strict=True):
        exact = weight.detach().to(matrix)
        norm = torch.linalg.matrix_norm(exact, keepdim=True)
        matrix[..., layers[connection.target], layers[connection.source]] = exact / norm.where(norm != 0, 1.0)
    return matrix
