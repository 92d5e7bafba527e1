"""Classify how a network adds modulo p, from the waves of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_modular.order_parameters import (
    Waves,
    accuracy,
    agreement,
    all_pairs,
    coherence,
    distance_irrelevance,
    gradient_symmetry,
    purity,
)
from hypergraph_modular.task import Modular

CLOCK, PIZZA = "clock", "pizza"
PURE = 0.7
"""From this purity on, neurons have one frequency each. Random neurons have 0.21 at p = 23, 0.36 at p = 11."""
AGREEING = 0.7
"""From this agreement on, neurons add to the right answer."""
ACCURATE = 0.5
"""From this accuracy on, a network adds at all. A single wave that needs no information has 0.2 at most."""
COHERENT = 0.7
"""From this coherence on, a frequency's answer depends on a - b. Of n neurons with random phases it is about n^-1/2."""


class ModularClassifier(Classifier):
    """Clock: waves whose products do not depend on a - b. Pizza: waves that are weighed by 1 + cos of a - b.

    Both have neurons of one frequency each, which agree on the right answer, and add most pairs rightly. With squares
    they are the ends of one scale, how coherent the phases of a and b are; random phases are a clock up to noise. The
    two parameters of Zhong et al. (2023) are measured beside these and decide nothing. tests/tasks/test_modular.py
    tests the labels under noise.
    """

    @property
    def task(self) -> str:
        return "modular"

    @property
    def colours(self) -> Mapping[str, str]:
        return {CLOCK: "#2f6bd8", PIZZA: "#e08a1e", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        p = weights.spec.sizes[-1]
        try:
            task = Modular(Modular.Options(p))
        except ValueError as error:
            raise SpecError(f"{weights.spec} adds no numbers: {error}") from None
        task.check_spec(weights.spec)
        if len(weights.weights) != 2:
            raise SpecError(f"clocks and pizzas have one hidden layer, as 46,66,23 has, not {weights.spec}")
        waves, (inputs, sums) = Waves.of(weights), all_pairs(p, weights.weights[0])
        logits = weights(inputs)
        parameters = {
            "purity": purity(waves),
            "agreement": agreement(waves),
            "coherence": coherence(waves, p),
            "accuracy": accuracy(logits, sums),
            "distance_irrelevance": distance_irrelevance(logits, sums),
            "gradient_symmetry": gradient_symmetry(weights, inputs, sums),
        }
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(weights.weights[0], sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = (order_parameters[name].flatten().tolist() for name in self.boundaries)
        return [_label(*network) for network in zip(*values, strict=True)]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("purity", "agreement"), ("coherence", "distance_irrelevance"))

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"purity": PURE, "agreement": AGREEING, "accuracy": ACCURATE, "coherence": COHERENT}


def _label(pure: float, agreeing: float, accurate: float, coherent: float) -> str:
    finite = math.isfinite(pure + agreeing + coherent)
    if not finite or pure < PURE or agreeing < AGREEING or accurate < ACCURATE:
        return UNKNOWN
    return PIZZA if coherent >= COHERENT else CLOCK
