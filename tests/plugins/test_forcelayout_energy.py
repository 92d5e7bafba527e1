"""The energy of the force-directed drawing, its gradient and its scale."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout import energy as module
from hypergraph_forcelayout.adjacency import adjacency
from hypergraph_forcelayout.energy import PULL, attraction, energy, gradient


def _random(networks: int, neurons: int, dims: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    positions = torch.randn(networks, neurons, dims, generator=rng, dtype=torch.float64)
    return positions, attraction(torch.randn(networks, neurons, neurons, generator=rng, dtype=torch.float64))


def test_adjacency_places_every_connection_at_its_own_scale() -> None:
    spec = MLPSpec((2, 1, 1), skips=((0, 2),), masks=(Connection(0, 1, ("10",)),))
    weights = (torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0]]))
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[2, 0], expected[3, 0], expected[3, 1], expected[3, 2] = 1, 0.6, 0.8, 1
    torch.testing.assert_close(adjacency(MLPWeights(spec, weights, ())), expected)


def test_energy_of_two_neurons_is_the_sum_of_the_three_terms() -> None:
    positions = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]], dtype=torch.float64)
    pull = torch.tensor([[[0.0, 3.0], [3.0, 0.0]]], dtype=torch.float64)
    assert float(energy(positions, pull)) == pytest.approx(1 / 2 + 3 * 2**2 + 1 + 1)


@pytest.mark.parametrize("dims", [2, 4])
def test_gradient_agrees_with_autograd(dims: int) -> None:
    positions, pull = _random(3, 9, dims)
    positions.requires_grad_()
    (expected,) = torch.autograd.grad(energy(positions, pull).sum(), positions)
    torch.testing.assert_close(gradient(positions.detach(), pull)[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_stiffness_bounds_the_curvature(seed: int) -> None:
    positions, pull = _random(1, 6, 3, seed)
    nudges = 1e-5 * torch.eye(18, dtype=torch.float64).reshape(18, 6, 3)
    slopes = [gradient(positions + nudge, pull)[0] - gradient(positions - nudge, pull)[0] for nudge in nudges]
    hessian = torch.cat(slopes).reshape(18, 18) / 2e-5
    scale = gradient(positions, pull)[1].expand_as(positions).flatten().rsqrt()
    assert float(torch.linalg.eigvalsh(scale[:, None] * hessian * scale).max()) < 1 + 1e-6


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    positions, pull = _random(3, 13, 4)
    whole = gradient(positions, pull)
    monkeypatch.setattr(module, "BLOCK", 100)
    assert all(map(torch.equal, gradient(positions, pull), whole))


def test_coincident_neurons_give_finite_steps() -> None:
    positions = torch.zeros(1, 3, 2, dtype=torch.float64)
    _, pull = _random(1, 3, 2)
    downhill, stiffness = gradient(positions, pull)
    assert bool((downhill / stiffness).isfinite().all())
    assert bool(energy(positions, pull).isfinite().all())


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e30])
def test_attraction_ignores_the_scale_of_all_weights(scale: float) -> None:
    matrix = torch.tensor([[[0.0, 0.0, 0.0], [-2.0, 0.0, 0.0], [0.5, 1.0, 0.0]]], dtype=torch.float64)
    pull = attraction(matrix * scale)
    torch.testing.assert_close(pull, attraction(matrix))
    assert torch.equal(pull, pull.mT)
    assert float(pull.sum(-1).mean()) == pytest.approx(PULL)
    assert math.isclose(pull[0, 0, 1], 4 * pull[0, 0, 2])


def test_a_network_without_weights_has_no_attraction() -> None:
    assert not attraction(torch.zeros(2, 3, 3, dtype=torch.float64)).any()
