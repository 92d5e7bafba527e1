"""Classify how a network arranges features in fewer dimensions, from its weights alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import starmap

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_superposition.order_parameters import (
    SHAPES,
    dimensionality,
    interference,
    represented,
    round_trip,
    shares,
)

NOTHING, MIXED = "nothing", "mixed"


class SuperpositionClassifier(Classifier):
    """Named by the shape of those features that are opposed to others; mixed where there are several shapes.

    Dedicated: no feature is opposed to another. Nothing: no feature comes back. Unknown: a feature is in no shape.
    Biases do not count, so a label says nothing about the loss. tests/tasks/test_superposition.py tests the labels
    under noise.
    """

    @property
    def task(self) -> str:
        return "superposition"

    @property
    def colours(self) -> Mapping[str, str]:
        return {
            NOTHING: "#c9c9ce",
            "dedicated": "#2f6bd8",
            "antipodal": "#d6303f",
            "triangle": "#2e9e48",
            "tetrahedron": "#8a4fc4",
            "pentagon": "#e08a1e",
            MIXED: "#7a5a3a",
            UNKNOWN: "#8e8e93",
        }

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        _check(weights)
        product = round_trip(weights)
        parameters = {
            "features": represented(product).sum(-1).to(product),
            "dimensionality": dimensionality(product),
            "interference": interference(product),
            **shares(product),
        }
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(weights.weights[0], sibling.weights[0])
        finite = product.isfinite().all(-1).all(-1)
        return {name: value.where(finite, value.new_tensor(float("nan"))) for name, value in parameters.items()}

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in ("features", *SHAPES))
        return list(starmap(_label, zip(*values, strict=True)))

    def varieties(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        """The labels with the number of features that are represented."""
        counts = order_parameters["features"].flatten().tolist()
        labels = self.classify(order_parameters)
        return [
            label if label in (NOTHING, UNKNOWN) else f"{label} {count:.0f}"
            for label, count in zip(labels, counts, strict=True)
        ]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("features", "dimensionality"), ("features", "interference"))


def _label(features: float, *shared: float) -> str:
    if features == 0:
        return NOTHING
    if not sum(shared) > 0.999:  # NaN too
        return UNKNOWN
    shapes = [name for name, share in zip(SHAPES, shared, strict=True) if share and name != "dedicated"]
    return MIXED if len(shapes) > 1 else (*shapes, "dedicated")[0]


def _check(weights: MLPWeights) -> None:
    spec = weights.spec
    if spec.sizes[0] != spec.sizes[-1] or spec.skips or set(spec.activations) - {"identity"}:
        raise SpecError(
            f"arrangements are of linear layers that give back their inputs, such as 5,2,5 with identity, not {spec} "
            f"with {', '.join(spec.activations) or 'no hidden layer'}"
        )
