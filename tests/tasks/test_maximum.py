"""The largest number: what the closed forms lose, and that the classifier tells them apart, also under noise."""

from __future__ import annotations

import pytest
import torch
from strategies import noisy, rng

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task
from hypergraph.weights import MLPWeights
from hypergraph_maximum.classifier import CONTRASTS, ONE_BY_ONE, TOURNAMENT, MaximumClassifier
from hypergraph_maximum.closed_forms import contrasts, one_by_one, tournament
from hypergraph_maximum.task import Maximum, moments

TASK, CLASSIFIER = Maximum(), MaximumClassifier()
SPECS = [MLPSpec((n, k * n, 1), activation) for n in (4, 6, 8) for k in (4, 6) for activation in ("silu", "relu")]


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def loss(network: MLPWeights) -> float:
    inputs, targets = TASK.sample(network.spec, 20_000, rng(5))
    return float(TASK.loss(network(inputs), targets))


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(TASK)
    check_classifier(CLASSIFIER, TASK.default_spec)
    check_classifier(CLASSIFIER, MLPSpec((5, 20, 1)))


def test_moments_of_one_and_two_numbers() -> None:
    assert moments(1) == pytest.approx((0, 1), abs=1e-8)
    assert moments(2) == pytest.approx((torch.pi**-0.5, (1 - 1 / torch.pi) ** 0.5), abs=1e-8)


@pytest.mark.parametrize("inputs", [2, 4, 16])
def test_targets_have_mean_0_and_variance_1(inputs: int) -> None:
    _, targets = TASK.sample(MLPSpec((inputs, 1)), 100_000, rng(0))
    assert float(targets.mean()) == pytest.approx(0, abs=0.02)
    assert float(targets.var()) == pytest.approx(1, abs=0.03)


def test_a_tournament_is_exact_on_three_neurons() -> None:
    network = tournament()
    assert sum(network.spec.sizes[1:-1]) == 3
    assert loss(network) < 1e-10
    assert label(network) == TOURNAMENT


def test_contrasts_lose_less_than_single_numbers_and_neither_is_exact() -> None:
    spec = MLPSpec((4, 16, 1))
    assert 0.1 < loss(contrasts(spec, rng(0))) < 0.15 < loss(one_by_one(spec)) < 0.25


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec} {spec.activation}")
def test_noisy_closed_forms_are_told_apart(spec: MLPSpec) -> None:
    for seed in range(20):
        assert label(noisy(tournament(), seed)) == TOURNAMENT
        assert label(noisy(contrasts(spec, rng(seed)), seed)) == CONTRASTS
        assert label(noisy(one_by_one(spec), seed)) == ONE_BY_ONE


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec} {spec.activation}")
def test_random_networks_are_unknown(spec: MLPSpec) -> None:
    labels = []
    for seed in range(50):
        first = torch.randn(spec.sizes[1], spec.sizes[0], generator=rng(seed))
        biases = (torch.zeros(spec.sizes[1]), torch.zeros(1))
        labels.append(label(MLPWeights(spec, (first, torch.ones(1, spec.sizes[1])), biases)))
    assert labels.count(UNKNOWN) == 50


def test_order_parameters_do_not_depend_on_scale_and_order() -> None:
    network = noisy(contrasts(SPECS[0], rng(1)), 2)
    first, second = network.weights
    rows, columns = torch.randperm(len(first), generator=rng(3)), torch.randperm(first.shape[1], generator=rng(4))
    moved = MLPWeights(network.spec, (7 * first[rows][:, columns], second[:, rows]), network.biases)
    for name, value in CLASSIFIER.order_parameters(network).items():
        assert torch.allclose(value, CLASSIFIER.order_parameters(moved)[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (MLPSpec((4, 3, 1)), "needs at least 4 hidden neurons"),
        (MLPSpec((4, 8, 8, 1)), "one hidden layer"),
        (MLPSpec((1, 8, 1)), "try 2,8,1"),
        (MLPSpec((4, 8, 2)), "try 4,8,1"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(spec: MLPSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        one_by_one(spec)


def test_two_numbers_are_not_classified() -> None:
    with pytest.raises(SpecError, match="three inputs"):
        CLASSIFIER.order_parameters(one_by_one(MLPSpec((2, 4, 1))))
