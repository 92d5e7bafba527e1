"""Classify how a network finds the largest number, from its first layer alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_maximum.order_parameters import common, duels, singles
from hypergraph_maximum.task import Maximum

TOURNAMENT, CONTRASTS, ONE_BY_ONE = "tournament", "contrasts", "one by one"
DUELLING = 0.93
"""From this share of duels on, neurons compare two numbers. Random contrasts of four have 0.85."""
SHIFTLESS = 0.4
"""Below this, a shift of all numbers hardly changes the neurons. Random neurons have 1 on average; with sixteen neurons
and four inputs, one random network in a hundred is below."""
SINGLE = 0.93
"""From this share of singles on, neurons read one number each. Random neurons of four inputs have 0.65."""


class MaximumClassifier(Classifier):
    """Tournament: neurons compare two numbers. Contrasts: some with others. One by one: they read one number each.

    One number against the rest is a contrast. A first layer that responds to a common shift like a random one is
    unknown. The classifier ignores later layers, so a label says nothing about the loss. tests/tasks/test_maximum.py
    tests the labels under noise.
    """

    @property
    def task(self) -> str:
        return "maximum"

    @property
    def colours(self) -> Mapping[str, str]:
        return {TOURNAMENT: "#2f6bd8", CONTRASTS: "#2e9e48", ONE_BY_ONE: "#e08a1e", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        Maximum().check_spec(weights.spec)
        if weights.spec.sizes[0] < 3:
            raise SpecError("of two numbers every contrast is a duel: the classifier needs three inputs or more")
        first = weights.weights[0]
        parameters = {"duels": duels(first), "common": common(first), "singles": singles(first)}
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(first, sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in ("duels", "common", "singles"))
        return [_label(*network) for network in zip(*values, strict=True)]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("common", "duels"), ("common", "singles"))

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"duels": DUELLING, "common": SHIFTLESS, "singles": SINGLE}


def _label(duelling: float, shifted: float, single: float) -> str:
    if not math.isfinite(duelling + shifted + single) or not single:
        return UNKNOWN
    if shifted < SHIFTLESS:
        return TOURNAMENT if duelling >= DUELLING else CONTRASTS
    return ONE_BY_ONE if single >= SINGLE else UNKNOWN
