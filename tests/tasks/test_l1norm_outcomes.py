"""Outcomes are named from phases, whatever a minority of labels says; puddings come in two varieties."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import normal, seeds

from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.closed_forms import convexity, double_sided, pudding
from hypergraph_l1norm.order_parameters import assigned_sign
from hypergraph_l1norm.outcomes import CHEAP, CONVEXITY, DEAR, DOUBLE_SIDED, OUTCOMES, PUDDING, name_outcome

CLASSIFIER = L1NormClassifier()
LABELS = list(CLASSIFIER.colours)
INFORMED = [40.0] * 15 + [0.0] * 16
"""KL at the 31 prices of a member whose channel is used where information is cheap."""


def column(cheap: str, dear: str) -> list[str]:
    """A checkpoint's labels that change halfway."""
    return [cheap] * 16 + [dear] * 15


ONLY_CONVEXITY = column(CONVEXITY, CONVEXITY)
PHASES = {
    "a": ([ONLY_CONVEXITY, column(DOUBLE_SIDED, CONVEXITY)], INFORMED),
    "b": ([ONLY_CONVEXITY, column(PUDDING, CONVEXITY)], INFORMED),
    "c": ([ONLY_CONVEXITY, column(PUDDING, CONVEXITY), column(DOUBLE_SIDED, CONVEXITY)], INFORMED),
    "d": ([ONLY_CONVEXITY, column(PUDDING, PUDDING)], [0.5] * 31),
    "e": ([ONLY_CONVEXITY, column(PUDDING, PUDDING)], INFORMED),
    "none": ([ONLY_CONVEXITY, ONLY_CONVEXITY], INFORMED),
}


@pytest.mark.parametrize("outcome", PHASES)
def test_each_outcome_is_recognised(outcome: str) -> None:
    phases, kl = PHASES[outcome]
    assert CLASSIFIER.outcome(phases, kl) == outcome


@pytest.mark.parametrize(
    ("phases", "kl", "outcome"),
    [
        ([column(DOUBLE_SIDED, PUDDING)], INFORMED, "e"),
        ([column(PUDDING, PUDDING), column(DOUBLE_SIDED, CONVEXITY)], INFORMED, "c"),
        ([column(DOUBLE_SIDED, CONVEXITY), column(PUDDING, CONVEXITY)], INFORMED, "b"),
        ([column(DOUBLE_SIDED, DOUBLE_SIDED)], INFORMED, "none"),
        ([column(PUDDING, UNKNOWN)], INFORMED, "none"),
        ([column(UNKNOWN, CONVEXITY)], INFORMED, "none"),
        ([column(DOUBLE_SIDED, CONVEXITY)], [0.5] * 31, "none"),
        ([ONLY_CONVEXITY], [0.0] * 31, "none"),
        ([column(PUDDING, PUDDING), ONLY_CONVEXITY], [0.0] * 31, "none"),
        ([[PUDDING, CONVEXITY] * 15 + [CONVEXITY]], INFORMED, "b"),
    ],
)
def test_what_lies_between_the_outcomes(phases: list[list[str]], kl: list[float], outcome: str) -> None:
    assert name_outcome(phases, kl) == outcome


@pytest.mark.parametrize("outcome", PHASES)
@given(data=st.data())
def test_a_minority_of_labels_changes_no_outcome(outcome: str, data: st.DataObject) -> None:
    """Fewer than half of the cheap ones, fewer than half of the dear ones, and fewer than half of all."""
    phases, kl = PHASES[outcome]
    noisy = [list(labels) for labels in phases]
    places = list(range(31))
    for labels in noisy:
        disturbed = [
            *data.draw(st.lists(st.sampled_from(places[CHEAP]), max_size=6, unique=True)),
            *data.draw(st.lists(st.sampled_from(places[DEAR]), max_size=2, unique=True)),
            *data.draw(st.lists(st.sampled_from(places[13:25]), max_size=7, unique=True)),
        ]
        for place in disturbed:
            labels[place] = data.draw(st.sampled_from(LABELS))
    assert name_outcome(noisy, kl) == outcome


@pytest.mark.parametrize("place", [0, 15, 30])
@pytest.mark.parametrize(("nats", "outcome"), [(0.0, "d"), (0.999, "d"), (1.0, "e"), (100.0, "e")])
def test_pudding_everywhere_is_random_only_where_no_price_pays_a_nat(place: int, nats: float, outcome: str) -> None:
    kl = [0.0] * 31
    kl[place] = nats
    assert name_outcome([column(PUDDING, PUDDING)], kl) == outcome


@given(data=st.data(), checkpoints=st.integers(1, 3))
def test_every_outcome_has_a_meaning(data: st.DataObject, checkpoints: int) -> None:
    several = st.lists(st.sampled_from(LABELS), min_size=31, max_size=31)
    phases = data.draw(st.lists(several, min_size=checkpoints, max_size=checkpoints))
    kl = data.draw(st.lists(st.floats(0, 3), min_size=31, max_size=31))
    assert CLASSIFIER.outcome(phases, kl) in CLASSIFIER.outcomes
    assert set(PHASES) == set(OUTCOMES)


def test_low_and_high_prices_are_apart_and_leave_room_between() -> None:
    assert max(BETA_GRID[CHEAP]) < 1e-7
    assert min(BETA_GRID[DEAR]) == pytest.approx(1e-2)
    assert len(BETA_GRID[DEAR]) == 6


SPEC = MLPSpec((16, 48, 1))
NETWORKS = {
    "positive pudding": pudding(SPEC, 1),
    "negative pudding": pudding(SPEC, -1),
    "double-sided": double_sided(SPEC),
    "convexity": convexity(SPEC, torch.Generator().manual_seed(0)),
    "unknown": double_sided(SPEC).map(torch.zeros_like),
}


@pytest.mark.parametrize("variety", NETWORKS)
def test_varieties_of_closed_forms(variety: str) -> None:
    parameters = CLASSIFIER.order_parameters(NETWORKS[variety])
    assert CLASSIFIER.varieties(parameters) == [variety]
    assert variety.endswith(CLASSIFIER.classify(parameters)[0])


@given(seed=seeds, scale=st.sampled_from([0.1, 1.0, 10.0]))
def test_neither_order_nor_scale_nor_a_little_noise_changes_a_variety(seed: int, scale: float) -> None:
    hidden, inputs = (normal(seed + n, size).argsort() for n, size in enumerate((48, 16)))
    noise = normal(seed + 2, 48, 16).float() * 0.05

    def changed(network: MLPWeights) -> MLPWeights:
        first, second = network.weights
        moved = (first * (1 + noise))[hidden][:, inputs] * scale
        return MLPWeights(SPEC, (moved, second[:, hidden]), network.biases)

    stacked = MLPWeights.stack(list(map(changed, NETWORKS.values())))
    assert CLASSIFIER.varieties(CLASSIFIER.order_parameters(stacked)) == list(NETWORKS)


@given(seed=seeds)
def test_the_assigned_sign_is_odd_and_between_minus_one_and_one(seed: int) -> None:
    first, second = normal(seed, 5, 30, 4) ** 5, normal(seed + 1, 5, 1, 30)  # so that many are dominated
    signs = assigned_sign(first, second)
    assert signs.shape == (5,)
    assert signs.abs().max() <= 1 + 1e-12
    torch.testing.assert_close(assigned_sign(-first, second), -signs)
    torch.testing.assert_close(assigned_sign(first, -second), -signs)
    torch.testing.assert_close(assigned_sign(3 * first, 2 * second), signs)
    assert (signs != 0).any()


def test_the_assigned_sign_counts_neurons_of_one_input_alone() -> None:
    own = torch.eye(4)
    shared = -100 * torch.ones(1, 4)
    ones = torch.ones(1, 4)
    assert assigned_sign(own, ones) == 1
    assert assigned_sign(-own, ones) == -1
    assert assigned_sign(torch.cat([own, -own]), torch.cat([ones, ones], 1)) == 0
    assert assigned_sign(torch.cat([100 * own, shared]), torch.ones(1, 5)) == 1
    assert assigned_sign(0 * own, ones) == 0


def test_every_plane_and_boundary_is_of_order_parameters() -> None:
    networks = MLPWeights.stack(list(NETWORKS.values()))
    names = set(CLASSIFIER.order_parameters(networks, networks))
    assert {name for plane in CLASSIFIER.planes for name in plane} <= names
    assert set(CLASSIFIER.boundaries) <= names
    assert all(len(set(plane)) == 2 for plane in CLASSIFIER.planes)


@pytest.mark.parametrize("name", CLASSIFIER.boundaries)
def test_the_label_changes_at_every_boundary(name: str) -> None:
    """At the boundary itself it is already the one above; the other parameters are at either side of theirs."""
    others = [other for other in CLASSIFIER.boundaries if other != name]
    boundary = CLASSIFIER.boundaries[name]
    sides = (math.nextafter(boundary, -math.inf), boundary)

    def label(value: float, corner: tuple[float, ...]) -> str:
        values = {name: value} | {
            other: CLASSIFIER.boundaries[other] * factor for other, factor in zip(others, corner, strict=True)
        }
        tensors = {key: torch.tensor([number], dtype=torch.float64) for key, number in values.items()}
        return CLASSIFIER.classify(tensors)[0]

    corners = list(itertools.product((0.9, 1.1), repeat=len(others)))
    assert any(label(sides[0], corner) != label(sides[1], corner) for corner in corners)
    for corner in corners:
        assert label(0.9 * boundary, corner) == label(sides[0], corner)
        assert label(1.1 * boundary, corner) == label(sides[1], corner)
