"""Layered layout: inputs left, outputs right, and hidden neurons near those that they connect."""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.spec import MLPSpec
from hypergraph_forcelayout.adjacency import layer_slices

SWEEPS = 8

WIDTH = 1.2
"""The width of a drawing, relative to its height, if layers then stay `GAP` apart."""
GAP = 0.25


def layered_layout(adjacency: Tensor, spec: MLPSpec) -> Tensor:
    """Positions in the plane [network, neuron, 2], from weights [network, neuron, neuron].

    Inputs and outputs keep their order, the first on top. To reduce crossings of strong weights, hidden layers are
    sorted repeatedly by the barycentre of each neuron's neighbours.
    """
    layers = layer_slices(spec)
    affinity = adjacency.square()
    height = adjacency.new_zeros(adjacency.shape[:-1])
    # hidden neurons start at height 0, so that only inputs and outputs decide the first sweep
    height[:, layers[0]], height[:, layers[-1]] = _slots(spec.sizes[0]), _slots(spec.sizes[-1])
    for _ in range(SWEEPS):
        for layer in layers[1:-1]:
            before = _barycentre(affinity[:, layer], height)
            behind = _barycentre(affinity[:, :, layer].mT, height)
            rank = (before + behind).argsort(dim=-1, descending=True, stable=True).argsort(-1)
            height[:, layer] = _slots(rank.shape[-1])[rank]
    gap = max(GAP, WIDTH / (len(layers) - 1))
    columns = [torch.full((size,), gap * number, dtype=height.dtype) for number, size in enumerate(spec.sizes)]
    return torch.stack([torch.cat(columns).expand_as(height), height], -1)


def _slots(count: int) -> Tensor:
    """Evenly spaced heights from top to bottom, between 1/2 and -1/2."""
    return 0.5 - (torch.arange(count, dtype=torch.float64) + 0.5) / count


def _barycentre(affinity: Tensor, height: Tensor) -> Tensor:
    """The mean height [network, neuron] of neighbours; the middle where there are none."""
    total = affinity.sum(-1)
    return (affinity * height.unsqueeze(-2)).sum(-1) / total.where(total > 0, 1.0)
