"""Products of pairs: the closed forms compute them, the classifier tells them apart at every size and under noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from strategies import rng
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task
from hypergraph.weights import MLPWeights, build_module
from hypergraph_multiplication import closed_forms
from hypergraph_multiplication.classifier import EIGENSPACES, FOUR_NEURONS, TWO_NEURONS, MultiplicationClassifier
from hypergraph_multiplication.closed_forms import GAIN, eigenspaces, four_neurons, two_neurons
from hypergraph_multiplication.task import Multiplication, normalised_products

torch.set_num_threads(1)  # many small tensors: threads would wait for each other longer than they work

TASK, CLASSIFIER = Multiplication(), MultiplicationClassifier()
SIZES = [(inputs, width * inputs, 1) for inputs in (4, 6, 8, 16) for width in (2, 3, 6)]
SPECS = [MLPSpec(sizes, activation) for sizes in SIZES for activation in ("silu", "gelu")]
COPIES = 20


def turned(spec: MLPSpec, seed: int = 0, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    return eigenspaces(spec, rng(seed), gain=gain, dtype=dtype)


FORMS: dict[str, Callable[..., MLPWeights]] = {
    FOUR_NEURONS: four_neurons,
    TWO_NEURONS: two_neurons,
    EIGENSPACES: turned,
}


def fresh(spec: MLPSpec, seed: int) -> MLPWeights:
    """As torch begins to train it."""
    torch.manual_seed(seed)
    first, first_bias, second, second_bias = (p.detach() for p in build_module(spec).parameters())
    return MLPWeights(spec, (first, second), (first_bias, second_bias))


def disturb(networks: MLPWeights, noise: str) -> MLPWeights:
    """5 % noise on every weight and bias, then the hidden neurons in another order."""
    stream = rng(1)

    def noisy(tensor: Tensor) -> Tensor:
        scale = tensor if noise == "of each weight" else tensor.square().mean().sqrt()
        return tensor + 0.05 * scale * torch.randn(tensor.shape, generator=stream)

    (first, second), (hidden, output) = map(noisy, networks.weights), map(noisy, networks.biases)
    order = torch.randperm(networks.spec.sizes[1], generator=stream)
    return MLPWeights(networks.spec, (first[:, order], second[..., order]), (hidden[:, order], output))


@cache
def measured(kind: str, spec: MLPSpec, noise: str) -> dict[str, Tensor]:
    """Order parameters [copy] of disturbed closed forms, or of fresh networks."""
    if kind == UNKNOWN:
        return CLASSIFIER.order_parameters(MLPWeights.stack([fresh(spec, seed) for seed in range(COPIES)]))
    drawn = [turned(spec, seed) for seed in range(COPIES)] if kind == EIGENSPACES else [FORMS[kind](spec)] * COPIES
    return CLASSIFIER.order_parameters(disturb(MLPWeights.stack(drawn), noise))


def label(network: MLPWeights) -> str:
    (found,) = CLASSIFIER.classify(CLASSIFIER.order_parameters(network))
    return found


def loss(network: MLPWeights) -> float:
    inputs = torch.randn(20_000, network.spec.sizes[0], generator=rng(5), dtype=torch.float64)
    return float(TASK.loss(network(inputs), normalised_products(inputs)))


def test_the_task_and_the_classifier_keep_their_contracts() -> None:
    check_task(TASK)
    check_classifier(CLASSIFIER, TASK.default_spec)


@pytest.mark.parametrize("inputs", [2, 6, 16])
def test_targets_have_mean_0_and_variance_1(inputs: int) -> None:
    _, targets = TASK.sample(MLPSpec((inputs, 1)), 100_000, rng(0))
    assert float(targets.mean()) == pytest.approx(0, abs=0.02)
    assert float(targets.var()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("activation", ["silu", "gelu"])
@pytest.mark.parametrize(("kind", "power"), [(FOUR_NEURONS, 4), (TWO_NEURONS, 2), (EIGENSPACES, 4)])
@pytest.mark.parametrize("inputs", [2, 4, 8])
def test_closed_forms_tend_to_the_products(kind: str, power: int, inputs: int, activation: Any) -> None:
    """The loss falls with the power of the gain that the docstring names."""
    spec = MLPSpec((inputs, 2 * inputs, 1), activation)
    form = partial(FORMS[kind], spec, dtype=torch.float64)
    assert loss(form()) < 0.01
    coarse, fine = (loss(form(gain=gain)) for gain in (0.1, 0.05))
    assert math.log2(coarse / fine) == pytest.approx(power, abs=0.2)


@pytest.mark.parametrize("kind", [FOUR_NEURONS, EIGENSPACES])
def test_softplus_squares_with_mirrors(kind: str) -> None:
    assert loss(FORMS[kind](MLPSpec((4, 8, 1), "softplus"), dtype=torch.float64)) < 0.01


@pytest.mark.parametrize("kind", FORMS)
def test_the_read_out_of_a_closed_form_weighs_products_alone(kind: str) -> None:
    """Σ_j v_j w_j w_jᵀ is a multiple of the form Q that the task is."""
    first, second = FORMS[kind](MLPSpec((6, 15, 1)), dtype=torch.float64).weights
    form = first.T * second @ first
    pairs = torch.eye(6, dtype=torch.float64)[[1, 0, 3, 2, 5, 4]]
    torch.testing.assert_close(form, form[0, 1] * pairs, atol=1e-9, rtol=0)
    assert form[0, 1] > 0


CLUSTERS: dict[str, dict[str, tuple[float, float]]] = {
    FOUR_NEURONS: {"symmetry": (0.99, 1), "agreement": (0.99, 1), "modularity": (0.99, 1), "mirroring": (0.9, 1)},
    TWO_NEURONS: {"symmetry": (0.99, 1), "agreement": (0.99, 1), "modularity": (0.99, 1), "mirroring": (-1, 0.1)},
    EIGENSPACES: {"symmetry": (0.99, 1), "agreement": (0.99, 1), "modularity": (0, 0.85), "mirroring": (0.9, 1)},
    UNKNOWN: {"symmetry": (0.5, 0.9), "agreement": (-1, 0.7), "modularity": (0, 0.8), "mirroring": (-1, 0.8)},
}
"""As in the docstring of the classifier."""


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["of each weight", "of the rms"])
@pytest.mark.parametrize("kind", CLUSTERS)
def test_every_size_lies_in_its_cluster_and_is_told_apart(kind: str, noise: str) -> None:
    for spec in SPECS:
        found = measured(kind, spec, noise)
        few_turned_pairs = kind == EIGENSPACES and spec.sizes[0] < 8
        for name, (least, most) in CLUSTERS[kind].items():
            values = found[name]
            if not (few_turned_pairs and name == "modularity"):
                assert least <= values.min(), f"{spec}, {name}: {values.min():.3g}"
                assert values.max() <= most + 1e-5, f"{spec}, {name}: {values.max():.3g}"
        labels = CLASSIFIER.classify(found)
        assert set(labels) <= {kind, *([FOUR_NEURONS] if few_turned_pairs else [])}, spec


def test_thresholds_lie_between_the_clusters() -> None:
    for name, low, high in (
        ("symmetry", UNKNOWN, EIGENSPACES),
        ("agreement", UNKNOWN, EIGENSPACES),
        ("modularity", EIGENSPACES, FOUR_NEURONS),
        ("mirroring", TWO_NEURONS, FOUR_NEURONS),
    ):
        assert CLUSTERS[low][name][1] <= CLASSIFIER.boundaries[name] < CLUSTERS[high][name][0], name


@pytest.mark.parametrize(("inputs", "share", "within"), [(4, 0.21, 0.04), (6, 0.007, 0.012), (8, 0, 0)])
def test_few_turned_pairs_are_four_neurons_by_chance(inputs: int, share: float, within: float) -> None:
    """Few samples to fit do: the read-out's factor changes no label."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closed_forms, "FIT_SAMPLES", 64)
        networks = MLPWeights.stack([turned(MLPSpec((inputs, 2 * inputs, 1)), seed) for seed in range(500)])
    labels = CLASSIFIER.classify(CLASSIFIER.order_parameters(networks))
    assert labels.count(FOUR_NEURONS) / len(labels) == pytest.approx(share, abs=within)
    assert set(labels) <= {FOUR_NEURONS, EIGENSPACES}


@pytest.mark.parametrize(("inputs", "hidden", "most"), [(4, 8, 0.001), (4, 12, 0.0002), (4, 24, 0), (8, 16, 0)])
def test_normal_weights_seldom_look_like_an_algorithm(inputs: int, hidden: int, most: float) -> None:
    stream, spec = rng(0), MLPSpec((inputs, hidden, 1), bias=False)
    weights = torch.randn(10_000, hidden, inputs, generator=stream), torch.randn(10_000, 1, hidden, generator=stream)
    labels = CLASSIFIER.classify(CLASSIFIER.order_parameters(MLPWeights(spec, weights, ())))
    assert 1 - labels.count(UNKNOWN) / len(labels) <= most


@pytest.mark.parametrize("kind", FORMS)
def test_order_parameters_do_not_depend_on_scale_nor_on_the_order_of_neurons_and_pairs(kind: str) -> None:
    spec = MLPSpec((4, 12, 1))
    network = disturb(MLPWeights.stack([FORMS[kind](spec)]), "of the rms")
    first, second = network.weights
    order = torch.randperm(12, generator=rng(3))
    swapped = first[:, order][..., [2, 3, 0, 1]]
    moved = MLPWeights(spec, (7 * swapped, 3 * second[..., order]), network.biases)
    for name, value in CLASSIFIER.order_parameters(network).items():
        torch.testing.assert_close(CLASSIFIER.order_parameters(moved)[name], value, atol=1e-5, rtol=0, msg=name)


def test_a_weak_neuron_mirrors_no_strong_one() -> None:
    weak = two_neurons(MLPSpec((4, 8, 1)))
    weak.weights[0][4:] = -0.1 * weak.weights[0][:4]
    assert label(weak) == TWO_NEURONS
    weak.weights[0][4:] *= 10
    assert label(weak) != TWO_NEURONS


def test_sums_and_differences_read_out_the_wrong_way_round_are_unknown() -> None:
    for kind, form in FORMS.items():
        network = form(MLPSpec((8, 16, 1)))
        first, second = network.weights
        assert label(network) == kind
        assert label(MLPWeights(network.spec, (first, -second), network.biases)) == UNKNOWN


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", FORMS)
def test_networks_without_meaning_are_unknown(kind: str, factor: float) -> None:
    assert label(FORMS[kind](MLPSpec((8, 16, 1))).map(lambda tensor: tensor * factor)) == UNKNOWN


def test_siblings_differ_as_far_as_their_weights() -> None:
    one, other = (eigenspaces(MLPSpec((8, 16, 1)), rng(seed)) for seed in (1, 2))
    assert "seed_dependence" not in CLASSIFIER.order_parameters(one)
    assert float(CLASSIFIER.order_parameters(one, one)["seed_dependence"]) == 0
    assert 0.5 < float(CLASSIFIER.order_parameters(one, other)["seed_dependence"]) < 1.5


@pytest.mark.parametrize("name", CLASSIFIER.boundaries)
def test_the_label_changes_at_every_boundary(name: str) -> None:
    """Already at the boundary itself, wherever the others lie at either side of theirs."""
    others = [other for other in CLASSIFIER.boundaries if other != name]
    boundary = CLASSIFIER.boundaries[name]

    def at(value: float, corner: tuple[float, ...]) -> str:
        values = {name: value} | {o: CLASSIFIER.boundaries[o] * side for o, side in zip(others, corner, strict=True)}
        return CLASSIFIER.classify({k: torch.tensor([v], dtype=torch.float64) for k, v in values.items()})[0]

    corners = list(itertools.product((0.9, 1.1), repeat=len(others)))
    assert any(at(math.nextafter(boundary, 0), corner) != at(boundary, corner) for corner in corners)
    for corner in corners:
        assert at(0.9 * boundary, corner) == at(math.nextafter(boundary, 0), corner)
        assert at(1.1 * boundary, corner) == at(boundary, corner)


@pytest.mark.parametrize(
    ("form", "spec", "message"),
    [
        (four_neurons, MLPSpec((3, 8, 1)), "try 4,8,1"),
        (four_neurons, MLPSpec((4, 7, 1)), "need 8 hidden neurons"),
        (two_neurons, MLPSpec((4, 3, 1)), "need 4 hidden neurons"),
        (four_neurons, MLPSpec((4, 8, 8, 1)), "one hidden layer"),
        (four_neurons, MLPSpec((4, 8, 1), "relu"), "does not bend smoothly"),
        (four_neurons, MLPSpec((4, 8, 1), "tanh"), "does not bend smoothly"),
        (two_neurons, MLPSpec((4, 8, 1), "softplus"), "has no bottom"),
    ],
)
def test_closed_forms_refuse_what_has_no_room(form: Callable[..., MLPWeights], spec: MLPSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        form(spec)


def test_deep_networks_are_not_classified() -> None:
    with pytest.raises(SpecError, match="one hidden layer"):
        CLASSIFIER.order_parameters(MLPWeights(MLPSpec((4, 8, 8, 1)), (torch.ones(8, 4),) * 3, ()))
