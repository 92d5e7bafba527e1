"""The features of a network depend on nothing that does not change what it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from hypergraph.discovery.features import Description, Probe, describe, feature_count
from hypergraph.spec import Connection, MLPSpec
from hypergraph.testing.classifier import _shuffled
from hypergraph.testing.networks import random_networks
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.closed_forms import convexity, double_sided, pudding
from hypergraph_l1norm.task import L1Norm

SPECS = (
    MLPSpec((6, 1)),
    MLPSpec((6, 9, 1)),
    MLPSpec((6, 8, 5, 1), skips=((0, 2), (1, 3)), activation="relu"),
    MLPSpec((6, 3, 1), bias=False, masks=(Connection(0, 1, ("100000", "010000", "001111")),)),
)
WIDE = MLPSpec((16, 48, 1))


def described(network: MLPWeights) -> Description:
    return describe(network, Probe.draw(L1Norm(), network.spec))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_order_of_hidden_neurons_changes_no_feature(spec: MLPSpec) -> None:
    network = random_networks(spec, 1)[0]
    before = described(network).vector
    assert before.shape == (feature_count(spec),)
    assert np.isfinite(before).all()
    for layer in range(1, len(spec.sizes) - 1):
        np.testing.assert_allclose(described(_shuffled(network, layer)).vector, before, atol=1e-6)


@pytest.mark.parametrize("network", [double_sided(WIDE), pudding(WIDE), convexity(WIDE, torch.Generator())])
def test_the_order_of_inputs_changes_only_which_inputs_matter(network: MLPWeights) -> None:
    """Except by which numbers were drawn for each input."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    turned = MLPWeights(network.spec, (network.weights[0][:, order], network.weights[1]), network.biases)
    before, after = described(network).features, described(turned).features
    np.testing.assert_allclose(after["inputs"], before["inputs"][order.numpy()], rtol=0.1)
    assert np.linalg.norm(described(turned).vector[:-16] - described(network).vector[:-16]) < 0.05


def test_networks_that_read_different_inputs_are_far_apart() -> None:
    network = double_sided(WIDE)
    halves = torch.arange(16) < 8
    first_layer, rest = network.weights[0], (network.weights[1:], network.biases)
    first, second = (MLPWeights(WIDE, (first_layer * half, *rest[0]), rest[1]) for half in (halves, ~halves))
    assert np.linalg.norm(described(first).vector - described(second).vector) > 0.99


def test_mirrored_inputs_change_no_feature() -> None:
    """Also where a neuron reads inputs and hidden neurons: the signs of weights from different layers are unrelated."""
    network = random_networks(SPECS[2], 1)[0].map(Tensor.double)
    pairs = zip(network.spec.connections, network.weights, strict=True)
    mirror = MLPWeights(network.spec, tuple(-w if c.source == 0 else w for c, w in pairs), network.biases)
    probe = Probe.draw(L1Norm(), network.spec)
    mirrored = replace(probe, inputs=-probe.inputs, shuffled=-probe.shuffled)
    np.testing.assert_allclose(describe(mirror, mirrored).vector, describe(network, probe).vector, atol=1e-6)


def test_a_network_of_several_outputs_that_is_far_too_large_is_undefined_not_an_error() -> None:
    class Several(L1Norm):
        def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
            inputs = torch.randn(batch, spec.sizes[0], generator=rng)
            return inputs, inputs[:, :3]

    network = random_networks(MLPSpec((6, 9, 3)), 1)[0]
    probe = Probe.draw(Several(), network.spec)
    assert np.isfinite(describe(network, probe).vector).all()
    for size in (1e155, float("nan")):
        huge = network.map(lambda tensor: torch.full_like(tensor.double(), size))  # noqa: B023
        assert np.isnan(describe(huge, probe).vector).all()
        assert np.isnan(describe(huge, probe).spread)


def test_neurons_held_still_in_several_batches_give_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_networks(SPECS[2], 1)[0]
    before = described(network).vector
    monkeypatch.setattr("hypergraph.discovery.features.MAX_NUMBERS", 1)
    np.testing.assert_allclose(described(network).vector, before, atol=1e-12)
