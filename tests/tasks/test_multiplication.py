"""Products of pairs: the closed forms compute them, the classifier tells them apart at every size and under noise."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task
from hypergraph.weights import MLPWeights, build_module
from hypergraph_multiplication.classifier import EIGENSPACES, FOUR_NEURONS, MultiplicationClassifier
from hypergraph_multiplication.closed_forms import eigenspaces, four_neurons
from hypergraph_multiplication.task import Multiplication

TASK, CLASSIFIER = Multiplication(), MultiplicationClassifier()
SPECS = [MLPSpec((n, k * n, 1), activation) for n in (4, 8, 16) for k in (2, 3) for activation in ("silu", "gelu")]


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(network: MLPWeights, seed: int) -> MLPWeights:
    """5 % noise on every weight."""
    stream = rng(seed)
    return network.map(lambda tensor: tensor * (1 + 0.05 * torch.randn(tensor.shape, generator=stream)))


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def loss(network: MLPWeights) -> float:
    inputs, targets = TASK.sample(network.spec, 20_000, rng(5))
    return float(TASK.loss(network(inputs), targets))


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(TASK)
    check_classifier(CLASSIFIER, TASK.default_spec)


@pytest.mark.parametrize("inputs", [2, 6, 16])
def test_targets_have_mean_0_and_variance_1(inputs: int) -> None:
    _, targets = TASK.sample(MLPSpec((inputs, 1)), 100_000, rng(0))
    assert float(targets.mean()) == pytest.approx(0, abs=0.02)
    assert float(targets.var()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("make", [four_neurons, partial(eigenspaces, rng=rng(0))])
@pytest.mark.parametrize("inputs", [2, 4, 8])
def test_closed_forms_tend_to_the_products(make: partial[MLPWeights], inputs: int) -> None:
    spec = MLPSpec((inputs, 2 * inputs, 1))
    coarse, fine = (loss(make(spec, gain=gain, dtype=torch.float64).map(torch.Tensor.float)) for gain in (1.0, 0.3))
    assert fine < 0.01
    assert fine < coarse / 5


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec} {spec.activation}")
def test_noisy_closed_forms_are_told_apart(spec: MLPSpec) -> None:
    for seed in range(20):
        assert label(noisy(four_neurons(spec), seed)) == FOUR_NEURONS
    turned = [label(noisy(eigenspaces(spec, rng(seed)), seed)) for seed in range(20)]
    assert set(turned) <= {EIGENSPACES, FOUR_NEURONS}
    assert turned.count(EIGENSPACES) >= (14 if spec.sizes[0] == 4 else 20)  # a turn of two pairs may be a small one


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec} {spec.activation}")
def test_random_networks_are_unknown(spec: MLPSpec) -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        first, second = (p.detach() for p in build_module(spec).parameters() if p.dim() == 2)
        biases = (torch.zeros(spec.sizes[1]), torch.zeros(1))
        assert label(MLPWeights(spec, (first, second), biases)) == UNKNOWN


def test_order_parameters_do_not_depend_on_scale_nor_on_the_order_of_neurons_and_pairs() -> None:
    network = noisy(eigenspaces(SPECS[0], rng(1)), 2)
    first, second = network.weights
    order = torch.randperm(len(first), generator=rng(3))
    swapped = first[order][:, [2, 3, 0, 1]]
    moved = MLPWeights(network.spec, (7 * swapped, 3 * second[:, order]), network.biases)
    for name, value in CLASSIFIER.order_parameters(network).items():
        assert torch.allclose(value, CLASSIFIER.order_parameters(moved)[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (MLPSpec((3, 8, 1)), "try 4,8,1"),
        (MLPSpec((4, 7, 1)), "need 8 hidden neurons"),
        (MLPSpec((4, 8, 8, 1)), "one hidden layer"),
        (MLPSpec((4, 8, 1), "relu"), "does not bend smoothly"),
        (MLPSpec((4, 8, 1), "tanh"), "does not bend smoothly"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(spec: MLPSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        four_neurons(spec)


def test_deep_networks_are_not_classified() -> None:
    with pytest.raises(SpecError, match="one hidden layer"):
        CLASSIFIER.order_parameters(MLPWeights(MLPSpec((4, 8, 8, 1)), (torch.ones(8, 4),) * 3, ()))
