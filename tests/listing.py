"""The weights and the neurons of an MLP, one by one."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from hypergraph.spec import MLPSpec


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
