"""Classify how a network multiplies, from its weights alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_multiplication.order_parameters import agreement, mirroring, modularity, symmetry
from hypergraph_multiplication.task import Multiplication

FOUR_NEURONS, TWO_NEURONS, EIGENSPACES = "four neurons", "two neurons", "eigenspaces"
SYMMETRIC = 0.9
"""From this symmetry on, neurons read sums or differences."""
AGREEING = 0.8
"""From this agreement on, sums are added and differences subtracted."""
MODULAR = 0.92
"""From this modularity on, every neuron reads one pair."""
MIRRORED = 0.5
"""From this mirroring on, neurons come with their opposites."""


class MultiplicationClassifier(Classifier):
    """Four neurons: sums and differences of a pair, and their mirrors. Two: no mirrors. Eigenspaces: of all pairs.

    All compute the same quadratic form. A network is unknown if its neurons do not separate sums from differences, if
    it does not add the sums and subtract the differences, or if it is not finite or all zero. Weights alone do not
    show whether biases and scale fit, so a label says nothing about the loss.

    Closed forms (silu and gelu, 4 to 16 inputs, 2 to 6 hidden neurons for each, 5 % noise on every weight) and fresh
    networks lie in these clusters, which tests/tasks/test_multiplication.py measures again:

                    four neurons    two neurons     eigenspaces     fresh
    symmetry        above 0.99      above 0.99      above 0.99      below 0.9
    agreement       above 0.99      above 0.99      above 0.99      below 0.7
    modularity      above 0.99      above 0.99      below 0.85 (*)  below 0.8
    mirroring       above 0.9       below 0.1       above 0.9       below 0.8

    (*) From eight inputs on. With few pairs, some rotations are small by chance, and neurons do read one pair: 21 % of
    random rotations of two pairs are labelled four neurons, and 0.7 % of three pairs.
    """

    @property
    def task(self) -> str:
        return "multiplication"

    @property
    def colours(self) -> Mapping[str, str]:
        return {FOUR_NEURONS: "#2f6bd8", TWO_NEURONS: "#2e9e48", EIGENSPACES: "#e08a1e", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        Multiplication().check_spec(weights.spec)
        if len(weights.weights) != 2:
            raise SpecError(f"the ways to multiply have one hidden layer, as 8,32,1 has, not {weights.spec}")
        first, second = weights.weights
        parameters = {
            "modularity": modularity(first),
            "symmetry": symmetry(first),
            "agreement": agreement(first, second),
            "mirroring": mirroring(first),
        }
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(first, sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in self.boundaries)
        return [_label(*network) for network in zip(*values, strict=True)]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("symmetry", "agreement"), ("modularity", "mirroring"))

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"modularity": MODULAR, "symmetry": SYMMETRIC, "agreement": AGREEING, "mirroring": MIRRORED}


def _label(modular: float, symmetric: float, agreeing: float, mirrored: float) -> str:
    finite = math.isfinite(modular + symmetric + agreeing + mirrored)
    if not finite or symmetric < SYMMETRIC or agreeing < AGREEING:
        return UNKNOWN
    if modular < MODULAR:
        return EIGENSPACES
    return FOUR_NEURONS if mirrored >= MIRRORED else TWO_NEURONS
