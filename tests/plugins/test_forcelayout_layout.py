"""The force-directed layout: energy, modules, dimensions, reproducibility."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout import layout as module
from hypergraph_forcelayout.adjacency import adjacency
from hypergraph_forcelayout.energy import attraction, energy
from hypergraph_forcelayout.layout import descend, force_layout

INPUTS, HIDDEN = 8, 24


def _networks(noise: float = 0.02) -> Tensor:
    """Double-sided, pudding and random weights of an (8, 24, 1): [3, neuron, neuron]."""
    rng = torch.Generator().manual_seed(0)
    first, last = torch.zeros(3, HIDDEN, INPUTS), torch.zeros(3, 1, HIDDEN)
    for i in range(INPUTS):
        first[0, 2 * i, i], first[0, 2 * i + 1, i] = 1, -1
    last[0, :, : 2 * INPUTS] = 0.3
    first[1] = 0.1
    first[1, range(INPUTS), range(INPUTS)] = -1
    last[1] = 0.3
    first[2], last[2] = torch.randn(HIDDEN, INPUTS, generator=rng), torch.randn(1, HIDDEN, generator=rng)
    first += noise * torch.randn(first.shape, generator=rng)
    return adjacency(MLPWeights(MLPSpec((INPUTS, HIDDEN, 1), bias=False), (first, last), ()))


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANNEALING", 100)
    monkeypatch.setattr(module, "SETTLING", 30)


def test_energy_falls_far_below_the_start() -> None:
    pull = attraction(_networks())
    start, *_, end = descend(pull, seed=0)
    assert bool((energy(end, pull) < 0.6 * energy(start, pull)).all())


@pytest.mark.usefixtures("hurry")
def test_excess_dimensions_vanish() -> None:
    *flying, last = (positions for positions in descend(attraction(_networks()), seed=0) if positions.shape[-1] == 4)
    assert bool(flying[0][..., 2:].any())
    assert not bool(last[..., 2:].any())
    assert force_layout(_networks(), seed=0).shape == (3, INPUTS + HIDDEN + 1, 2)


def test_disconnected_modules_separate() -> None:
    module_of = torch.arange(4 + 8 + 2) % 2
    rng = torch.Generator().manual_seed(1)
    matrix = torch.zeros(14, 14, dtype=torch.float64)
    matrix[4:12, :4] = torch.randn(8, 4, generator=rng)
    matrix[12:, 4:12] = torch.randn(2, 8, generator=rng)
    matrix *= module_of[:, None] == module_of
    for seed in range(2):
        positions = force_layout(matrix[None], seed)[0]
        left, right = positions[module_of == 0], positions[module_of == 1]
        along = right.mean(0) - left.mean(0)
        assert float((left @ along).max()) < float((right @ along).min())


def test_four_dimensions_find_lower_energies_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = _networks()
    pull = attraction(networks)
    annealed = [energy(force_layout(networks, seed), pull).mean() for seed in range(2)]
    monkeypatch.setattr(module, "DIMENSIONS", 2)
    flat = [energy(force_layout(networks, seed), pull).mean() for seed in range(2)]
    assert sum(annealed) < sum(flat)


def test_the_output_ends_in_the_centre() -> None:
    distance = force_layout(_networks(), seed=0)[:2].norm(dim=-1)
    assert bool((distance[:, -1] < 0.2 * distance.amax(-1)).all())


@pytest.mark.usefixtures("hurry")
def test_a_network_in_a_batch_is_drawn_as_alone() -> None:
    networks = _networks()
    batch = force_layout(networks.repeat(4, 1, 1), seed=5)
    for index in (0, 4, 11):
        assert torch.equal(batch[index], force_layout(networks[index % 3, None], seed=5)[0])


@pytest.mark.usefixtures("hurry")
def test_the_seed_decides() -> None:
    networks = _networks()
    assert torch.equal(force_layout(networks, seed=1), force_layout(networks, seed=1))
    assert not torch.equal(force_layout(networks, seed=1), force_layout(networks, seed=2))


def test_permuting_hidden_neurons_gives_as_good_a_layout() -> None:
    networks = _networks()
    hidden = INPUTS + torch.randperm(HIDDEN, generator=torch.Generator().manual_seed(3))
    order = torch.cat([torch.arange(INPUTS), hidden, torch.tensor([INPUTS + HIDDEN])])
    permuted = networks[:, order][:, :, order]
    before, after = (energy(force_layout(n, seed=0), attraction(n)) for n in (networks, permuted))
    torch.testing.assert_close(after, before, rtol=0.02, atol=0)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_weights_of_any_scale_give_finite_positions(scale: float) -> None:
    assert bool(force_layout(_networks()[:1] * scale, seed=0).isfinite().all())
