"""Superposition: what the closed forms lose, and that the classifier tells them apart in any order and under noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from strategies import noisy, rng

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task
from hypergraph.weights import MLPWeights
from hypergraph_superposition.classifier import MIXED, NOTHING, SuperpositionClassifier
from hypergraph_superposition.closed_forms import antipodal, dedicated, polygon, tetrahedron
from hypergraph_superposition.task import MARGIN, Superposition

CLASSIFIER = SuperpositionClassifier()
Form = Callable[[Superposition, torch.Generator], MLPWeights]
FORMS: list[tuple[str, Form, int, int]] = [
    ("dedicated", dedicated, 5, 2),
    ("dedicated", dedicated, 8, 3),
    ("antipodal", antipodal, 2, 1),
    ("antipodal", antipodal, 5, 2),
    ("antipodal", antipodal, 8, 3),
    ("triangle", lambda task, stream: polygon(task, 3, stream), 5, 2),
    ("antipodal", lambda task, stream: polygon(task, 4, stream), 5, 2),
    ("pentagon", lambda task, stream: polygon(task, 5, stream), 5, 2),
    ("pentagon", lambda task, stream: polygon(task, 5, stream), 7, 2),
    ("tetrahedron", tetrahedron, 4, 3),
    ("tetrahedron", tetrahedron, 6, 3),
]


def toy(features: int, dimensions: int, sparsity: float = 0.9, decay: float = 0.9) -> Superposition:
    return Superposition(Superposition.Options(features, dimensions, sparsity, decay))


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def loss(task: Superposition, network: MLPWeights) -> float:
    inputs, targets = task.sample(network.spec, 20_000, rng(5))
    return float(task.loss(network(inputs), targets))


def linear(product: torch.Tensor) -> MLPWeights:
    """A network that is the identity, and then a product [feature, feature]."""
    size = len(product)
    spec = MLPSpec((size, size, size), "identity")
    return MLPWeights(spec, (torch.eye(size), product), (torch.zeros(size), torch.zeros(size)))


def changed(network: MLPWeights, seed: int) -> MLPWeights:
    """Features in another order, and dimensions turned into each other: the same arrangement."""
    first, second = network.weights
    order = torch.randperm(len(second), generator=rng(seed))
    mixed = torch.eye(len(first)) + 0.3 * torch.randn(len(first), len(first), generator=rng(seed))
    first, second = mixed @ first, second @ mixed.inverse()
    return MLPWeights(network.spec, (first[:, order], second[order]), (network.biases[0], network.biases[1][order]))


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(Superposition())
    check_classifier(CLASSIFIER, Superposition().default_spec)
    check_classifier(CLASSIFIER, MLPSpec((2, 1, 2), "identity"))


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.99])
def test_features_are_active_as_often_as_told(sparsity: float) -> None:
    task = toy(4, 2, sparsity)
    inputs, targets = task.sample(task.default_spec, 1_000, rng(0))
    assert torch.equal(inputs, targets)
    active = inputs > 0
    assert active.float().mean(0).tolist() == pytest.approx([1 - sparsity] * 4, abs=2e-3)
    if sparsity == 0.5:
        assert float((active[:, 0] & active[:, 1]).float().mean()) == pytest.approx(0.25, abs=0.05)


def test_the_mean_count_of_a_small_batch_is_right_too() -> None:
    task = toy(4, 2, 0.9)
    counts = torch.stack([(task.sample(task.default_spec, 3, rng(seed))[0] > 0).sum() for seed in range(500)])
    assert float(counts.float().mean()) == pytest.approx(4 * 3 * 0.1, rel=0.1)


def test_the_answer_0_loses_1_and_importance_counts() -> None:
    task = toy(2, 1, 0.5, decay=3.0)
    inputs, targets = task.sample(task.default_spec, 50_000, rng(0))
    assert float(task.loss(0 * inputs - 1, targets)) == pytest.approx(1, rel=0.02)
    without_first, without_second = (inputs * torch.tensor(kept) for kept in ([0.0, 1.0], [1.0, 0.0]))
    assert float(task.loss(without_first, targets)) == pytest.approx(1 / 4, rel=0.05)
    assert float(task.loss(without_second, targets)) == pytest.approx(3 / 4, rel=0.05)


@pytest.mark.parametrize("decay", [0.5, 1.0, 2.0])
def test_dedicated_dimensions_lose_what_solved_means(decay: float) -> None:
    task = toy(5, 2, 0.5, decay)
    assert loss(task, dedicated(task, rng(0))) == pytest.approx(task.solved_loss / MARGIN, rel=0.03)


def test_the_best_arrangement_depends_on_sparsity() -> None:
    forms: dict[str, Form] = {"dedicated": dedicated, "antipodal": antipodal, "pentagon": FORMS[7][1]}
    best = {}
    for sparsity in (0.0, 0.7, 0.95):
        task = toy(5, 2, sparsity)
        losses = {name: loss(task, make(task, rng(0))) for name, make in forms.items()}
        best[sparsity] = min(losses, key=lambda name: losses[name])
    assert best == {0.0: "dedicated", 0.7: "antipodal", 0.95: "pentagon"}


@pytest.mark.parametrize(("name", "make", "features", "dimensions"), FORMS)
def test_changed_noisy_closed_forms_are_told_apart(name: str, make: Form, features: int, dimensions: int) -> None:
    network = make(toy(features, dimensions), rng(0))
    for seed in range(100):
        assert label(changed(noisy(network, seed), seed)) == name


@pytest.mark.parametrize(("name", "make", "features", "dimensions"), FORMS)
def test_dimensionality_is_that_of_the_literature(name: str, make: Form, features: int, dimensions: int) -> None:
    expected = {"dedicated": 1, "antipodal": 1 / 2, "triangle": 2 / 3, "tetrahedron": 3 / 4, "pentagon": 2 / 5}
    found = CLASSIFIER.order_parameters(make(toy(features, dimensions), rng(0)))
    assert float(found["dimensionality"]) == pytest.approx(expected[name], abs=1e-3)
    assert float(found["interference"]) == pytest.approx(0.19 if name == "pentagon" else 0, abs=5e-3)


def test_labels_of_other_products() -> None:
    assert label(linear(0.1 * torch.eye(3))) == NOTHING
    ring_of_four = torch.tensor([[1.0, -1, 0, -1], [-1, 1, -1, 0], [0, -1, 1, -1], [-1, 0, -1, 1]])
    assert label(linear(ring_of_four)) == UNKNOWN
    pair_and_one = torch.tensor([[1.0, -1, 0], [-1, 1, 0], [0, 0, 1]])
    assert label(linear(pair_and_one)) == "antipodal"
    one_yields = torch.tensor([[1.0, -0.01], [-50, 1]])
    assert label(linear(one_yields)) == "antipodal"
    triangle = 1.5 * torch.eye(3) - 0.5
    pair = torch.tensor([[1.0, -1], [-1, 1]])
    assert label(linear(torch.block_diag(pair, triangle))) == MIXED
    mistaken = torch.tensor([[1.0, 0.8], [0.0, 0.0]])
    assert label(linear(mistaken)) == UNKNOWN


def test_few_random_networks_have_a_shape() -> None:
    spec = Superposition().default_spec
    first, second = torch.randn(1000, 2, 5, generator=rng(0)), torch.randn(1000, 5, 2, generator=rng(1))
    networks = MLPWeights(spec, (first, second), (torch.zeros(1000, 2), torch.zeros(1000, 5)))
    found = CLASSIFIER.classify(CLASSIFIER.order_parameters(networks))
    assert sum(name not in (UNKNOWN, NOTHING) for name in found) < 50


@pytest.mark.parametrize(
    ("make", "task", "message"),
    [
        (antipodal, toy(3, 2), "4 features in 2 dimensions are not arranged in 3,2,3"),
        (tetrahedron, toy(5, 2), "4 features in 3 dimensions are not arranged in 5,2,5"),
        (partial(polygon, corners=6), toy(5, 2), "6 features in 2 dimensions"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(
    make: Callable[..., MLPWeights], task: Superposition, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        make(task, rng=rng(0))


def test_other_networks_are_refused() -> None:
    with pytest.raises(SpecError, match="try 5,3,5, or set features"):
        Superposition().check_spec(MLPSpec((4, 3, 4), "identity"))
    with pytest.raises(SpecError, match=r"linear layers .* not 2,1,2 with silu"):
        CLASSIFIER.order_parameters(MLPWeights(MLPSpec((2, 1, 2)), (torch.ones(1, 2), torch.ones(2, 1)), ()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 1}, "two features or more"),
        ({"dimensions": 0}, "two features or more"),
        ({"sparsity": 1.0}, "from 0 to below 1"),
        ({"decay": 0.0}, "from 0.001 to 1000"),
    ],
)
def test_options_are_checked(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Superposition.Options(**options)  # type: ignore[arg-type]
