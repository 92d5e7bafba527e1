"""Positional encodings of i, of j and of the layer."""

from __future__ import annotations

import math

import torch
from listing import list_weights
from torch import Tensor

from hypergraph.spec import MLPSpec

WIDTH = 10


def encode(position: int) -> list[float]:
    """Five sines, then five cosines, the longest wave 10,000 times the shortest but for the last step."""
    angles = [position / 10_000 ** (2 * k / WIDTH) for k in range(WIDTH // 2)]
    return [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]


def encode_layer(source_layer: int, target_layer: int) -> list[float]:
    """Layer l joins neuron layers l and l + 1; a skip connection is halfway between the first and last it jumps."""
    first, last = encode(source_layer), encode(target_layer - 1)
    return [(a + b) / 2 for a, b in zip(first, last, strict=True)]


def positional_encodings(spec: MLPSpec) -> Tensor:
    """[edge, 30]: i where the weight leaves the input, else zeros; j where it enters the output, else zeros; layer."""
    nothing = [0.0] * WIDTH
    output_layer = len(spec.sizes) - 1
    rows = []
    for weight in list_weights(spec):
        of_i = encode(weight.i) if weight.source_layer == 0 else nothing
        of_j = encode(weight.j) if weight.target_layer == output_layer else nothing
        rows.append(of_i + of_j + encode_layer(weight.source_layer, weight.target_layer))
    return torch.tensor(rows, dtype=torch.float64)
