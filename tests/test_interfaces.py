"""What the interfaces compute by themselves."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.weights import MLPWeights


class Bounded(Classifier):
    """One order parameter, one boundary."""

    task = "none"
    colours = {"low": "red", "high": "blue", UNKNOWN: "gray"}  # noqa: RUF012
    boundaries: Mapping[str, float] = {"size": 2.0}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        return {"size": weights.weights[0].norm(dim=(-2, -1))}

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return ["high" if value >= 2 else "low" for value in order_parameters["size"].flatten().tolist()]


class Unbounded(Bounded):
    boundaries: Mapping[str, float] = {}


@pytest.mark.parametrize(
    ("value", "margin"), [(2.0, 0.0), (4.0, 0.5), (1.0, 0.5), (0.0, 1.0), (-3.0, 1.0), (math.inf, 1.0), (math.nan, 0.0)]
)
def test_confidence_is_the_relative_distance_to_the_boundary(value: float, margin: float) -> None:
    assert Bounded().confidence({"size": torch.tensor([[value], [2.0]])}) == [margin, 0.0]


def test_confidence_is_that_of_the_nearest_boundary_and_of_those_that_are_there() -> None:
    classifier = Bounded()
    classifier.boundaries = {"size": 2.0, "other": 10.0, "of a sibling": 1.0}
    assert classifier.confidence({"size": torch.tensor([4.0]), "other": torch.tensor([8.0])}) == pytest.approx([0.2])


def test_without_boundaries_there_is_no_confidence() -> None:
    assert all(map(math.isnan, Unbounded().confidence({"size": torch.ones(3)})))
