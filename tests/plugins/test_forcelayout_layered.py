"""The layered layout: columns, order, odd networks."""

from __future__ import annotations

import torch

from hypergraph.spec import MLPSpec
from hypergraph_forcelayout.layered import layered_layout


def test_layers_stand_in_columns_with_inputs_left_and_in_order() -> None:
    spec = MLPSpec((3, 4, 2))
    positions = layered_layout(torch.zeros(1, 9, 9, dtype=torch.float64), spec)[0]
    columns = [layer[:, 0].unique() for layer in positions.split(spec.sizes)]
    assert [len(c) for c in columns] == [1, 1, 1]
    assert columns[0] < columns[1] < columns[2]
    for layer in positions.split(spec.sizes):
        assert bool((layer[:, 1].diff() < 0).all())


def test_hidden_neurons_are_unscrambled() -> None:
    size = 6
    rng = torch.Generator().manual_seed(0)
    orders = [torch.arange(size), torch.randperm(size, generator=rng), torch.randperm(size, generator=rng)]
    spec = MLPSpec((size, size, size, size))
    matrix = 0.05 * torch.randn(4 * size, 4 * size, generator=rng, dtype=torch.float64)
    for layer, (before, behind) in enumerate(zip(orders, [*orders[1:], torch.arange(size)], strict=True)):
        block = torch.zeros(size, size, dtype=torch.float64)
        block[behind, before] = -1
        matrix[size * (layer + 1) : size * (layer + 2), size * layer : size * (layer + 1)] += block
    heights = layered_layout(matrix[None].tril(-1), spec)[0, :, 1].split(size)
    for layer, order in zip(heights, orders, strict=False):
        assert torch.equal(layer[order], heights[0])


def test_networks_of_a_batch_are_ordered_on_their_own() -> None:
    spec = MLPSpec((5, 7, 7, 2))
    matrix = torch.randn(3, 21, 21, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    batch = layered_layout(matrix, spec)
    assert torch.equal(batch[1], layered_layout(matrix[1:2], spec)[0])


def test_a_network_without_hidden_layers() -> None:
    assert layered_layout(torch.ones(2, 6, 6, dtype=torch.float64), MLPSpec((4, 2))).shape == (2, 6, 2)
