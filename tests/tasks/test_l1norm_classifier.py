"""The classifier: 99 % on closed forms of every kind and size under noise, in the clusters that its docstring gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm import closed_forms
from hypergraph_l1norm.classifier import ASSIGNED, ASSIGNED_TWICE, ONE_SIGNED, L1NormClassifier
from hypergraph_l1norm.closed_forms import convexity, double_sided, pudding

torch.set_num_threads(1)  # many small tensors: threads would wait for each other longer than they work

CLASSIFIER = L1NormClassifier()
SIZES = [(4, 8), (4, 16), (6, 18), (8, 24), (16, 32), (16, 48), (24, 96), (64, 128), (64, 256)]
KINDS = {
    "double-sided": "double-sided",
    "positive pudding": "pudding",
    "negative pudding": "pudding",
    "normal convexity": "convexity",
    "bimodal convexity": "convexity",
}
NOISES = ["of each weight", "of the rms"]
COPIES = 32


@pytest.fixture(autouse=True, scope="module")
def _small_fits() -> Iterator[None]:
    """The read-out's factor does not matter here, so let it be fitted on few samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closed_forms, "FIT_SAMPLES", 64)
        yield


@cache
def build(kind: str, spec: MLPSpec) -> MLPWeights:
    """COPIES networks of one kind; only those of convexity differ."""
    rng = torch.Generator().manual_seed(3)
    if "convexity" in kind:
        drawn = [convexity(spec, rng, bimodal="bimodal" in kind) for _ in range(COPIES)]
        return stack(drawn)
    exact = double_sided(spec) if kind == "double-sided" else pudding(spec, 1 if "positive" in kind else -1)
    return stack([exact] * COPIES)


def stack(networks: list[MLPWeights]) -> MLPWeights:
    weights = tuple(map(torch.stack, zip(*(n.weights for n in networks), strict=True)))
    return MLPWeights(
        networks[0].spec, weights, tuple(map(torch.stack, zip(*(n.biases for n in networks), strict=True)))
    )


def disturb(networks: MLPWeights, noise: str, rng: torch.Generator, size: float = 0.05) -> MLPWeights:
    """Noise on every weight and bias, then the hidden neurons in another order."""

    def noisy(tensor: torch.Tensor) -> torch.Tensor:
        scale = tensor if noise == "of each weight" else tensor.square().mean().sqrt()
        return tensor + size * scale * torch.randn(tensor.shape, generator=rng)

    order = torch.randperm(networks.spec.sizes[1], generator=rng)
    (first, second), (hidden, output) = map(noisy, networks.weights), map(noisy, networks.biases)
    return MLPWeights(networks.spec, (first[:, order], second[..., order]), (hidden[:, order], output))


@cache
def measured(kind: str, noise: str) -> dict[str, torch.Tensor]:
    """Order parameters [size * copy] of disturbed closed forms."""
    rng = torch.Generator().manual_seed(1)
    found = []
    for inputs, hidden in SIZES:
        spec = MLPSpec((inputs, hidden, 1))
        found.append(CLASSIFIER.order_parameters(disturb(build(kind, spec), noise, rng)))
    return {name: torch.cat([parameters[name] for parameters in found]) for name in found[0]}


@pytest.mark.parametrize("inputs_and_hidden", [*SIZES, (4, 64), (4, 256), (8, 256)], ids=str)
def test_each_size_is_told_apart(inputs_and_hidden: tuple[int, int]) -> None:
    """Wide layers too, in which chance alone gives each of a few inputs neurons of its own."""
    spec, rng = MLPSpec((*inputs_and_hidden, 1)), torch.Generator().manual_seed(2)
    for kind, label in KINDS.items():
        for noise in NOISES:
            labels = CLASSIFIER.classify(CLASSIFIER.order_parameters(disturb(build(kind, spec), noise, rng)))
            assert labels.count(label) / len(labels) >= 0.99, (kind, noise)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("kind", KINDS)
def test_closed_forms_are_told_apart(kind: str, noise: str) -> None:
    labels = CLASSIFIER.classify(measured(kind, noise))
    assert labels.count(KINDS[kind]) / len(labels) >= 0.99


CLUSTERS = {
    "convexity": {
        "double_sidedness": (-math.inf, 3.7),
        "strongest_connection": (0.2, 4.6),
        "assignment": (0, ASSIGNED),
        "two_sided_assignment": (-1, 4),
        "assigned_share": (0, 0.4),
        "one_signedness": (0.99, 1),
    },
    "pudding": {
        "double_sidedness": (0.99, 3.7),
        "strongest_connection": (2.8, 3.7),
        "assignment": (20, math.inf),
        "two_sided_assignment": (0, 3.5),
        "assigned_share": (0.75, 1),
        "one_signedness": (0.99, 1),
    },
    "double-sided": {
        "double_sidedness": (20, math.inf),
        "strongest_connection": (2.8, 3.7),
        "assignment": (20, math.inf),
        "two_sided_assignment": (18, math.inf),
        "assigned_share": (0.99, 1),
        "one_signedness": (0.99, 1),
    },
}
"""As in the docstring of the classifier."""


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("kind", KINDS)
def test_clusters_lie_where_the_docstring_says(kind: str, noise: str) -> None:
    for name, (least, most) in CLUSTERS[KINDS[kind]].items():
        values = measured(kind, noise)[name]
        within = (values >= least) & (values <= most + 1e-5)
        assert within.double().mean() >= 0.995, f"{name}: {values.min():.3g} to {values.max():.3g}"


def test_thresholds_lie_between_the_clusters() -> None:
    assert CLUSTERS["convexity"]["assignment"][1] <= ASSIGNED < CLUSTERS["pudding"]["assignment"][0]
    assert CLUSTERS["pudding"]["two_sided_assignment"][1] < ASSIGNED_TWICE
    assert CLUSTERS["convexity"]["two_sided_assignment"][1] < ASSIGNED_TWICE
    assert CLUSTERS["double-sided"]["two_sided_assignment"][0] > ASSIGNED_TWICE
    assert max(ONE_SIGNED, *(cluster["one_signedness"][0] for cluster in CLUSTERS.values())) == 0.99


@pytest.mark.parametrize(("inputs", "hidden", "most"), [(4, 8, 0.001), (4, 16, 0.005), (8, 32, 0.0005)])
def test_chance_seldom_assigns_neurons_to_inputs(inputs: int, hidden: int, most: float) -> None:
    """The worst sizes, with many draws: normal weights that dominate their neuron by chance."""
    rng = torch.Generator().manual_seed(0)
    first, second = torch.randn(20_000, hidden, inputs, generator=rng), torch.ones(20_000, 1, hidden)
    networks = MLPWeights(MLPSpec((inputs, hidden, 1), bias=False), (first, second), ())
    parameters = CLASSIFIER.order_parameters(networks)
    labels = CLASSIFIER.classify(parameters)
    assert 1 - labels.count("convexity") / len(labels) <= most
    assert inputs < 8 or parameters["assignment"].quantile(0.999) < 5


@pytest.mark.parametrize("hidden", [17, 20, 24, 40])
@pytest.mark.parametrize("gain", [0.01, 1.0, 100.0])
def test_labels_hold_at_any_scale_and_with_few_leftover_neurons(hidden: int, gain: float) -> None:
    rng = torch.Generator().manual_seed(0)
    spec = MLPSpec((16, hidden, 1))
    networks = stack([pudding(spec, 1, gain=gain), pudding(spec, -1, gain=gain), convexity(spec, rng, spread=gain)])
    labels = CLASSIFIER.classify(CLASSIFIER.order_parameters(disturb(networks, "of each weight", rng)))
    assert labels == ["pudding", "pudding", "convexity"]


def test_a_pudding_with_one_leftover_neuron_in_use() -> None:
    """Equation 2 to the letter: most hidden neurons are unused, which puts α₁ among the double-sided networks."""
    first = torch.zeros(48, 16)
    first[:16], first[16] = -torch.eye(16), 1
    networks = MLPWeights(MLPSpec((16, 48, 1), bias=False), (first[None], torch.ones(1, 1, 48)), ())
    parameters = CLASSIFIER.order_parameters(networks)
    assert CLASSIFIER.classify(parameters) == ["pudding"]
    assert parameters["double_sidedness"] > 1e6


TRAINED_ALIKE = [
    *[(kind, 0.02, (1, 4.5), (2.5, 4)) for kind in ("positive pudding", "negative pudding")],
    *[("double-sided", size, (5, 45), (2.5, 4)) for size in (0.035, 0.05, 0.1, 0.14)],
    ("normal convexity", 0.05, (1.2, 3.5), (1, 2.3)),
]
"""Kind, noise of the size of the strongest weight, and the ranges of α₁ and α₂ that trained networks have with it."""


@pytest.mark.parametrize(("kind", "size", "alpha_1", "alpha_2"), TRAINED_ALIKE)
def test_networks_as_messy_as_trained_ones(
    kind: str, size: float, alpha_1: tuple[float, float], alpha_2: tuple[float, float]
) -> None:
    rng = torch.Generator().manual_seed(2)
    networks = build(kind, MLPSpec((16, 48, 1)))
    strongest = networks.weights[0].abs().amax((1, 2), keepdim=True)
    first = networks.weights[0] + size * strongest * torch.randn(networks.weights[0].shape, generator=rng)
    parameters = CLASSIFIER.order_parameters(MLPWeights(networks.spec, (first, networks.weights[1]), networks.biases))
    for name, (least, most) in (("double_sidedness", alpha_1), ("strongest_connection", alpha_2)):
        assert least < parameters[name].median() < most
    assert set(CLASSIFIER.classify(parameters)) == {KINDS[kind]}


def test_a_random_read_out_is_unknown() -> None:
    rng = torch.Generator().manual_seed(0)
    for inputs, hidden, most in ((16, 48, 0.0), (32, 64, 0.0), (6, 16, 0.015)):
        weights = torch.randn(1000, hidden, inputs, generator=rng), torch.randn(1000, 1, hidden, generator=rng)
        networks = MLPWeights(MLPSpec((inputs, hidden, 1), bias=False), weights, ())
        labels = CLASSIFIER.classify(CLASSIFIER.order_parameters(networks))
        assert 1 - labels.count(UNKNOWN) / len(labels) <= most


@pytest.mark.parametrize(
    "broken", [lambda t: t * 0, lambda t: t * math.nan, lambda t: t * math.inf, lambda t: t * 1e30]
)
def test_networks_without_meaning_are_unknown(broken: Callable[[Tensor], Tensor]) -> None:
    for form in (double_sided, pudding):
        parameters = CLASSIFIER.order_parameters(form(MLPSpec((16, 48, 1))).map(broken))
        assert CLASSIFIER.classify(parameters) == [UNKNOWN]


def test_one_weight_that_is_not_a_number_is_enough() -> None:
    for layer in (0, 1):
        network = double_sided(MLPSpec((16, 48, 1)))
        network.weights[layer][0, 0] = math.nan
        assert CLASSIFIER.classify(CLASSIFIER.order_parameters(network)) == [UNKNOWN]


def test_leading_axes_and_the_sibling() -> None:
    rng = torch.Generator().manual_seed(0)
    spec = MLPSpec((4, 8, 1))
    networks = stack([stack([double_sided(spec), convexity(spec, rng), pudding(spec)]) for _ in range(2)])
    parameters = CLASSIFIER.order_parameters(networks)
    assert "seed_dependence" not in parameters
    assert {value.shape for value in parameters.values()} == {(2, 3)}
    assert CLASSIFIER.classify(parameters) == ["double-sided", "convexity", "pudding"] * 2
    with_sibling = CLASSIFIER.order_parameters(networks, networks)
    assert torch.equal(with_sibling["seed_dependence"], torch.zeros(2, 3))
    assert CLASSIFIER.classify(with_sibling) == CLASSIFIER.classify(parameters)


def test_every_label_has_a_colour_of_its_own() -> None:
    assert set(CLASSIFIER.colours) == {*KINDS.values(), UNKNOWN}
    assert len(set(CLASSIFIER.colours.values())) == 4
    for label, channel in (("convexity", 0), ("pudding", 1), ("double-sided", 2)):
        code = CLASSIFIER.colours[label]
        rgb = [int(code[k : k + 2], 16) for k in (1, 3, 5)]
        assert rgb[channel] == max(rgb)


@pytest.mark.parametrize("sizes", [(16, 1), (16, 24, 24, 1)])
def test_other_depths_are_refused(sizes: tuple[int, ...]) -> None:
    weights = tuple(torch.ones(out, inn) for inn, out in pairwise(sizes))
    with pytest.raises(SpecError, match=r"one hidden layer, as 16,48,1 has"):
        CLASSIFIER.order_parameters(MLPWeights(MLPSpec(sizes, bias=False), weights, ()))
