"""Addition modulo p: the closed forms are exact, the classifier tells them apart in any order and under noise."""

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
from hypergraph_modular.classifier import CLOCK, PIZZA, ModularClassifier
from hypergraph_modular.closed_forms import clock, pizza, random_phases
from hypergraph_modular.order_parameters import all_pairs
from hypergraph_modular.task import DOUBT, Modular

CLASSIFIER = ModularClassifier()
SPECS = [MLPSpec((2 * p, hidden, p), "square") for p, hidden in ((7, 18), (11, 30), (11, 23), (23, 66), (23, 24))]
Form = Callable[[MLPSpec, torch.Generator], MLPWeights]
each_spec = pytest.mark.parametrize("spec", SPECS, ids=str)


def modular(spec: MLPSpec) -> Modular:
    return Modular(Modular.Options(spec.sizes[-1]))


def lowest(p: int) -> float:
    """The entropy of the targets."""
    return -DOUBT * math.log(DOUBT / (p - 1)) - (1 - DOUBT) * math.log(1 - DOUBT)


def parameters(network: MLPWeights) -> dict[str, float]:
    return {name: float(value) for name, value in CLASSIFIER.order_parameters(network).items()}


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def shuffled(network: MLPWeights, seed: int) -> MLPWeights:
    """The same function with its hidden neurons in another order."""
    first, second = network.weights
    order = torch.randperm(len(first), generator=rng(seed))
    return MLPWeights(network.spec, (first[order], second[:, order]), (network.biases[0][order], network.biases[1]))


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(Modular())
    check_classifier(CLASSIFIER, MLPSpec((14, 18, 7), "square"))
    check_classifier(CLASSIFIER, MLPSpec((10, 7, 5)))


@pytest.mark.parametrize("p", [3, 7, 23])
def test_targets_are_the_sum(p: int) -> None:
    task = Modular(Modular.Options(p))
    inputs, targets = task.sample(task.default_spec, 200, rng(0))
    a, b = inputs.unflatten(1, (2, p)).argmax(-1).unbind(1)
    assert torch.equal(targets.argmax(1), (a + b) % p)
    assert torch.allclose(targets.sum(1), torch.ones(200))
    assert float(task.loss(targets.log(), targets)) == pytest.approx(lowest(p), rel=1e-4)
    assert float(task.loss(0 * targets, targets)) == pytest.approx(math.log(p))


@each_spec
def test_closed_forms_are_right_on_all_pairs(spec: MLPSpec) -> None:
    for make in (clock, pizza):
        assert parameters(make(spec, rng(0)))["accuracy"] == 1


def test_a_clock_of_all_frequencies_has_the_lowest_loss_and_a_pizza_more() -> None:
    spec = Modular().default_spec
    task, p = modular(spec), spec.sizes[-1]
    inputs, targets = task.sample(spec, 2_000, rng(1))
    assert float(task.loss(clock(spec, rng(0))(inputs), targets)) == pytest.approx(lowest(p), rel=1e-4)
    assert lowest(p) + 0.01 < float(task.loss(pizza(spec, rng(0))(inputs), targets)) < task.solved_loss


def test_logits_of_a_clock_depend_on_the_sum_alone_and_those_of_a_pizza_on_the_difference_too() -> None:
    spec = SPECS[0]
    inputs, sums = all_pairs(7, torch.zeros((), dtype=torch.float64))
    clocks, pizzas = (make(spec, rng(2), dtype=torch.float64)(inputs) for make in (clock, pizza))
    turned = torch.stack([row.roll(-int(total)) for row, total in zip(clocks, sums, strict=True)])
    assert torch.allclose(turned, turned[0].expand_as(turned))
    assert float(pizzas.gather(1, sums[:, None]).std()) > 0.1


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_clock_and_pizza_are_the_ends_of_one_scale(weight: float) -> None:
    """Every second neuron of a clock is in a pizza turned by half a circle: with less of it, all pairs stay right."""
    spec = SPECS[1]
    network = clock(spec, rng(3))
    network.weights[1][:, 1::2] *= weight
    found = parameters(network)
    assert found["accuracy"] == 1
    assert found["coherence"] == pytest.approx((1 - weight) / (1 + weight), abs=1e-4)


@pytest.mark.slow
@each_spec
def test_noisy_shuffled_closed_forms_are_told_apart(spec: MLPSpec) -> None:
    for seed in range(100):
        assert label(shuffled(noisy(clock(spec, rng(seed)), seed), seed)) == CLOCK
        assert label(shuffled(noisy(pizza(spec, rng(seed)), seed), seed)) == PIZZA


def test_random_phases_are_a_clock_up_to_noise() -> None:
    """At six neurons a frequency, as Gromov draws them."""
    for seed in range(20):
        network = random_phases(Modular().default_spec, rng(seed))
        assert label(network) == CLOCK
        assert parameters(network)["accuracy"] > 0.85


def test_the_parameters_of_zhong_tell_them_apart() -> None:
    spec = SPECS[1]
    clocks, pizzas = (parameters(noisy(make(spec, rng(0)), 1)) for make in (clock, pizza))
    assert clocks["distance_irrelevance"] > 0.9
    assert pizzas["distance_irrelevance"] < 0.3
    assert abs(clocks["gradient_symmetry"]) < 0.1
    assert pizzas["gradient_symmetry"] > 0.9


@each_spec
def test_random_networks_are_unknown(spec: MLPSpec) -> None:
    outputs, hidden = spec.sizes[-1], spec.sizes[1]
    first = torch.randn(50, hidden, spec.sizes[0], generator=rng(0))
    second = torch.randn(50, outputs, hidden, generator=rng(1))
    biases = torch.zeros(50, hidden), torch.zeros(50, outputs)
    found = CLASSIFIER.classify(CLASSIFIER.order_parameters(MLPWeights(spec, (first, second), biases)))
    assert found == [UNKNOWN] * 50


@pytest.mark.parametrize(
    ("make", "spec", "message"),
    [
        (clock, MLPSpec((22, 5, 11), "square"), "at least 6 hidden neurons"),
        (pizza, MLPSpec((22, 2, 11), "square"), "at least 3 hidden neurons"),
        (clock, MLPSpec((22, 30, 11), "relu"), "of squares, not of 'relu'"),
        (pizza, MLPSpec((22, 30, 30, 11), "square"), "one hidden layer"),
        (clock, MLPSpec((21, 30, 11), "square"), "try 22,30,11"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(make: Form, spec: MLPSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make(spec, rng(0))


@pytest.mark.parametrize("p", [1, 2, 8])
def test_p_is_odd(p: int) -> None:
    with pytest.raises(ValueError, match="odd number >= 3"):
        Modular.Options(p)


def test_the_network_must_fit_p() -> None:
    with pytest.raises(SpecError, match="try 46,30,23, or set p"):
        Modular().check_spec(MLPSpec((22, 30, 11)))
