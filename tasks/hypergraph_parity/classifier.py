"""Classify how a network computes a parity, from its first layer alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_parity.order_parameters import alignment, evenness
from hypergraph_parity.task import Parity

COUNTING, PATTERNS = "counting", "patterns"
EVEN = 0.95
"""From this evenness on, neurons read all signs equally. Random neurons have 0.82 at most on average."""
ALIGNED = 0.8
"""From this alignment on, neurons all read the same sum. A list of patterns has 1 / n."""


class ParityClassifier(Classifier):
    """Counting: all first neurons read the same sum of signs. Patterns: each neuron matches a pattern of its own.

    The classifier ignores later layers, so a label says nothing about the loss: a network that counts may misread the
    count. tests/tasks/test_parity.py tests the labels under noise.
    """

    @property
    def task(self) -> str:
        return "parity"

    @property
    def colours(self) -> Mapping[str, str]:
        return {COUNTING: "#2f6bd8", PATTERNS: "#e08a1e", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        Parity().check_spec(weights.spec)
        first = weights.weights[0]
        parameters = {"evenness": evenness(first), "alignment": alignment(first)}
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(first, sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in ("evenness", "alignment"))
        return [_label(*network) for network in zip(*values, strict=True)]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("evenness", "alignment"),)

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"evenness": EVEN, "alignment": ALIGNED}


def _label(even: float, aligned: float) -> str:
    if not math.isfinite(even + aligned) or even < EVEN:
        return UNKNOWN
    return COUNTING if aligned >= ALIGNED else PATTERNS
