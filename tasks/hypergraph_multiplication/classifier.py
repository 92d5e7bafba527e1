"""How a network multiplies, told from its weights alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.weights import MLPWeights
from hypergraph_multiplication.order_parameters import agreement, modularity, seed_dependence, symmetry
from hypergraph_multiplication.task import Multiplication

FOUR_NEURONS, EIGENSPACES = "four neurons", "eigenspaces"
SYMMETRIC = 0.9
"""From this symmetry on, neurons read sums or differences. Random ones: 0.72 with two pairs, less with more."""
AGREEING = 0.9
"""From this agreement on, sums are added and differences subtracted."""
MODULAR = 0.92
"""From this modularity on, every neuron reads one pair. Random ones: 0.79 with two pairs, less with more."""


class MultiplicationClassifier(Classifier):
    """Four neurons: sums and differences of one pair each. Eigenspaces: of all pairs at once, in any direction.

    Both compute the same quadratic form; tests/tasks/test_multiplication.py measures the clusters. Where neither sums
    are told from differences nor added where differences are subtracted, the network is unknown.
    """

    @property
    def task(self) -> str:
        return "multiplication"

    @property
    def colours(self) -> Mapping[str, str]:
        return {FOUR_NEURONS: "#2f6bd8", EIGENSPACES: "#e08a1e", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        Multiplication().check_spec(weights.spec)
        if len(weights.weights) != 2:
            raise SpecError(f"the ways to multiply have one hidden layer, as 8,32,1 has, not {weights.spec}")
        first, second = weights.weights
        parameters = {
            "modularity": modularity(first),
            "symmetry": symmetry(first),
            "agreement": agreement(first, second),
        }
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(first, sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in ("modularity", "symmetry", "agreement"))
        return [_label(*network) for network in zip(*values, strict=True)]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("symmetry", "modularity"), ("symmetry", "agreement"))

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"modularity": MODULAR, "symmetry": SYMMETRIC, "agreement": AGREEING}


def _label(modular: float, symmetric: float, agreeing: float) -> str:
    if not math.isfinite(modular + symmetric + agreeing) or symmetric < SYMMETRIC or agreeing < AGREEING:
        return UNKNOWN
    return FOUR_NEURONS if modular >= MODULAR else EIGENSPACES
