"""Families of planted networks: as many as there are, under noise, and their classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch

from hypergraph.discovery.agreement import adjusted_rand, homogeneity, named_once, stability
from hypergraph.discovery.classifier import FamilyClassifier
from hypergraph.discovery.families import BORDER, CONSTANT, find_families
from hypergraph.errors import FileError, SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors, write_tensors
from hypergraph.testing import check_classifier
from hypergraph.testing.classifier import _shuffled
from hypergraph.weights import MLPWeights
from hypergraph_l1norm import closed_forms as norms
from hypergraph_l1norm.task import L1Norm
from hypergraph_maximum import closed_forms as maxima
from hypergraph_maximum.task import Maximum
from hypergraph_multiplication import closed_forms as products
from hypergraph_multiplication.task import Multiplication
from hypergraph_parity import closed_forms as parities
from hypergraph_parity.task import Parity

EACH = 12
NORM, PRODUCT = MLPSpec((16, 48, 1)), MLPSpec((8, 32, 1))
SMALL_NORM, SIX, SHORT = MLPSpec((8, 24, 1)), MLPSpec((6, 24, 1)), MLPSpec((4, 16, 1))


def fresh(spec: MLPSpec, rng: torch.Generator) -> MLPWeights:
    """A network as torch initialises it."""
    sizes = list(zip(spec.sizes[:-1], spec.sizes[1:], strict=True))
    weights = [(torch.rand(out, into, generator=rng) * 2 - 1) / into**0.5 for into, out in sizes]
    biases = [(torch.rand(out, generator=rng) * 2 - 1) / into**0.5 for into, out in sizes]
    return MLPWeights(spec, tuple(weights), tuple(biases))


def planted(
    makers: Sequence[Callable[[], MLPWeights]], noise: float, rng: torch.Generator, each: int = EACH
) -> list[MLPWeights]:
    """Networks of each kind, with their neurons permuted and noise on every weight."""

    def noisy(tensor: torch.Tensor) -> torch.Tensor:
        return tensor + noise * tensor.square().mean().sqrt() * torch.randn(tensor.shape, generator=rng)

    return [_shuffled(make().map(noisy), 1) for make in makers for _ in range(each)]


def norm_kinds(rng: torch.Generator) -> list[Callable[[], MLPWeights]]:
    return [
        lambda: norms.double_sided(NORM),
        lambda: norms.pudding(NORM),
        lambda: norms.convexity(NORM, rng),
        lambda: fresh(NORM, rng),
    ]


def product_kinds(rng: torch.Generator) -> list[Callable[[], MLPWeights]]:
    return [
        lambda: products.four_neurons(PRODUCT),
        lambda: products.two_neurons(PRODUCT),
        lambda: products.eigenspaces(PRODUCT, rng),
        lambda: fresh(PRODUCT, rng),
    ]


def maximum_kinds(rng: torch.Generator) -> list[Callable[[], MLPWeights]]:
    return [lambda: maxima.contrasts(SIX, rng), lambda: maxima.one_by_one(SIX), lambda: fresh(SIX, rng)]


def parity_kinds(rng: torch.Generator) -> list[Callable[[], MLPWeights]]:
    return [lambda: parities.counting(SHORT), lambda: parities.patterns(SHORT), lambda: fresh(SHORT, rng)]


KINDS = [
    (L1Norm(), norm_kinds),
    (Multiplication(), product_kinds),
    (Maximum(), maximum_kinds),
    (Parity(), parity_kinds),
]


@pytest.fixture(scope="module")
def found() -> FamilyClassifier:
    rng = torch.Generator().manual_seed(0)
    return FamilyClassifier.find("l1norm", L1Norm(), planted(norm_kinds(rng), 0.02, rng))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.02, 0.05])
@pytest.mark.parametrize(("task", "kinds"), KINDS)
def test_planted_algorithms_are_families(
    task: Task, kinds: Callable[..., list[Callable[[], MLPWeights]]], noise: float
) -> None:
    rng = torch.Generator().manual_seed(1)
    makers = kinds(rng)
    families = FamilyClassifier.find("task", task, planted(makers, noise, rng)).families
    truth = [kind for kind in range(len(makers)) for _ in range(EACH)]
    assert adjusted_rand(families.labels, truth) >= 0.95
    assert stability(families, range(len(truth))) >= 0.9
    for kind in set(truth):
        chosen = [index for index, each in enumerate(truth) if each == kind]
        alone = find_families(families.features[chosen], families.spread[chosen])
        assert len(alone.cores) == 1
        assert families.exemplar(families.labels[chosen[0]]) in chosen


Maker: TypeAlias = Callable[[torch.Generator], MLPWeights]
ONE: dict[str, tuple[Task, Maker]] = {
    "double-sided": (L1Norm(), lambda rng: norms.double_sided(SMALL_NORM)),
    "pudding": (L1Norm(), lambda rng: norms.pudding(SMALL_NORM)),
    "convexity": (L1Norm(), lambda rng: norms.convexity(SMALL_NORM, rng)),
    "contrasts": (Maximum(), lambda rng: maxima.contrasts(SHORT, rng)),
    "one by one": (Maximum(), lambda rng: maxima.one_by_one(SHORT)),
    "eigenspaces": (Multiplication(), lambda rng: products.eigenspaces(PRODUCT, rng)),
    "patterns": (Parity(), lambda rng: parities.patterns(SHORT)),
    "fresh": (L1Norm(), lambda rng: fresh(SMALL_NORM, rng)),
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.02, 0.05])
@pytest.mark.parametrize("kind", ONE)
def test_one_algorithm_is_one_family(kind: str, noise: float) -> None:
    task, make = ONE[kind]
    rng = torch.Generator().manual_seed(2)
    families = FamilyClassifier.find("task", task, planted([lambda: make(rng)], noise, rng, each=100)).families
    assert len(families.cores) == 1
    assert families.labels.count("family A") >= 99


def test_networks_without_a_family_are_told_so(found: FamilyClassifier) -> None:
    features, spread = found.families.features, found.families.spread
    far, flat = features[:1] + 1, np.append(spread, [1.0, 0.01])
    labels = find_families(np.concatenate([features, far, far]), flat).labels
    assert labels[-2:] == [BORDER, CONSTANT]
    assert find_families(features[:0], spread[:0]).labels == []
    alone = find_families(features[:1], spread[:1])
    assert (alone.labels, alone.branches) == (["family A"], "family A")


def test_the_families_are_a_classifier_that_a_file_keeps(found: FamilyClassifier, tmp_path: Path) -> None:
    path = tmp_path / "families.safetensors"
    found.save(path)
    loaded = FamilyClassifier.load(path)
    assert loaded.families.labels == found.families.labels
    check_classifier(loaded, NORM)
    rng = torch.Generator().manual_seed(9)
    for kind, network in enumerate(planted(norm_kinds(rng), 0.05, rng)[::EACH]):
        label = loaded.classify(loaded.order_parameters(network))
        assert label == [found.families.labels[kind * EACH]]
    with pytest.raises(SpecError, match="families compare networks with 16 inputs"):
        loaded.order_parameters(fresh(MLPSpec((4, 8, 1)), rng))
    tensors, metadata = read_tensors(path)
    write_tensors(path, {**tensors, "spread": tensors["spread"][1:]}, metadata)
    with pytest.raises(FileError, match="has no families"):
        FamilyClassifier.load(path)
    write_tensors(path, {**tensors, "inputs": tensors["spread"]}, metadata)
    with pytest.raises(FileError, match="expected float64 inputs with 2 axes"):
        FamilyClassifier.load(path)


def test_agreement() -> None:
    assert adjusted_rand("aabb", "xxyy") == 1
    assert adjusted_rand("aaaa", "xxxx") == 1
    assert adjusted_rand("abab", "xxyy") == pytest.approx(-0.5)
    assert adjusted_rand("aabbcc", "xxxyyy") == pytest.approx(0.2424, abs=1e-4)  # (2 - 1.2) / (4.5 - 1.2)
    assert named_once("xyzz", "aabb") == list("aabb")
    assert homogeneity("aabb", "xyzz") == 1
    assert homogeneity("xyzz", "aabb") == pytest.approx(2 / 3)


def test_groups_are_named_by_their_most_frequent_label_in_any_order() -> None:
    groups, labels = ["one", "one", "one", "two", "two"], ["a", "b", "b", "d", "c"]
    assert named_once(groups, labels) == ["b", "b", "b", "d", "d"]
    assert named_once(groups[::-1], labels[::-1]) == ["d", "d", "b", "b", "b"]
