"""Parity: the closed forms solve it, the classifier tells them apart at every size and under noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from strategies import noisy, rng

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task
from hypergraph.weights import MLPWeights
from hypergraph_parity.classifier import COUNTING, PATTERNS, ParityClassifier
from hypergraph_parity.closed_forms import LOGIT, counting, patterns
from hypergraph_parity.task import DOUBT, Parity

TASK, CLASSIFIER = Parity(), ParityClassifier()
LOWEST = -DOUBT * math.log(DOUBT) - (1 - DOUBT) * math.log(1 - DOUBT)
SPECS = [
    MLPSpec((inputs, max(2 ** (inputs - 1), inputs + 1) + spare, 1), activation)
    for inputs in (3, 4, 5, 6)
    for spare in (0, 7)
    for activation in ("silu", "relu")
]
Form = Callable[[MLPSpec], MLPWeights]
each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec} {spec.activation}")


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(TASK)
    check_classifier(CLASSIFIER, TASK.default_spec)
    check_classifier(CLASSIFIER, MLPSpec((4, 16, 1)))


@pytest.mark.parametrize("inputs", [1, 2, 5])
def test_targets_are_the_parity(inputs: int) -> None:
    signs, targets = TASK.sample(MLPSpec((inputs, 1)), 200, rng(0))
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    even = (signs < 0).sum(1, keepdim=True) % 2 == 0
    assert torch.equal(targets > 0.5, even)


def test_the_best_answer_has_the_lowest_loss_and_a_constant_one_ln_2() -> None:
    _, targets = TASK.sample(TASK.default_spec, 5_000, rng(0))
    best = torch.where(targets > 0.5, LOGIT, -LOGIT)
    assert float(TASK.loss(best, targets)) == pytest.approx(LOWEST, rel=1e-4)
    for other in (0.8 * best, 1.2 * best):
        assert TASK.loss(other, targets) > TASK.loss(best, targets)
    assert float(TASK.loss(0 * best, targets)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(("make", "highest"), [(counting, LOWEST + 1e-3), (patterns, 0.07)])
@each_spec
def test_closed_forms_solve_it(make: Form, highest: float, spec: MLPSpec) -> None:
    signs, targets = TASK.sample(spec, 5_000, rng(1))
    assert LOWEST - 1e-6 < float(TASK.loss(make(spec)(signs), targets)) < highest


@each_spec
def test_noisy_closed_forms_are_told_apart(spec: MLPSpec) -> None:
    for seed in range(20):
        assert label(noisy(counting(spec), seed)) == COUNTING
        assert label(noisy(patterns(spec), seed)) == PATTERNS


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.sizes[1] >= 8], ids=str)
def test_random_networks_are_unknown(spec: MLPSpec) -> None:
    """Of fewer neurons, chance alone makes some even: one in fifty at 3,4,1."""
    for seed in range(50):
        first, biases = torch.randn(spec.sizes[1], spec.sizes[0], generator=rng(seed)), torch.zeros(spec.sizes[1])
        assert label(MLPWeights(spec, (first, torch.ones(1, spec.sizes[1])), (biases, torch.zeros(1)))) == UNKNOWN


def test_order_parameters_do_not_depend_on_scale_order_and_signs() -> None:
    network = noisy(patterns(SPECS[4]), 2)
    first, second = network.weights
    rows, columns = torch.randperm(len(first), generator=rng(3)), torch.randperm(first.shape[1], generator=rng(4))
    moved = 7 * first[rows][:, columns]
    moved[:, 0] *= -1
    other = CLASSIFIER.order_parameters(MLPWeights(network.spec, (moved, second[:, rows]), network.biases))
    for name, value in CLASSIFIER.order_parameters(network).items():
        assert torch.allclose(value, other[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("make", "spec", "message"),
    [
        (counting, MLPSpec((4, 4, 1)), "needs at least 5 hidden neurons"),
        (patterns, MLPSpec((4, 7, 1)), "needs at least 8 hidden neurons"),
        (counting, MLPSpec((4, 8, 8, 1)), "one hidden layer"),
        (patterns, MLPSpec((13, 10_000, 1)), "at most 12 inputs"),
        (counting, MLPSpec((4, 8, 2)), "try 4,8,1"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(make: Form, spec: MLPSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make(spec)
