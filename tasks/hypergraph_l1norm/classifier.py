"""Classify which of the paper's three algorithms a network runs, from its weights alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.order_parameters import seed_dependence
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.order_parameters import (
    assigned_share,
    assigned_sign,
    assignment,
    double_sidedness,
    one_signedness,
    strongest_connection,
    two_sided_assignment,
)
from hypergraph_l1norm.outcomes import CONVEXITY, DOUBLE_SIDED, OUTCOMES, PUDDING, name_outcome
from hypergraph_l1norm.task import L1Norm

ASSIGNED = 7.0
"""From this assignment on, inputs have hidden neurons of their own."""
ASSIGNED_TWICE = 4.5
"""From this two-sided assignment on, inputs have one for each sign."""
ASSIGNED_SHARE = 0.5
"""From this assigned share on, such neurons are no accident of a wide layer."""
ONE_SIGNED = 0.8
"""From this one-signedness on, the read-out is a plain sum."""


class L1NormClassifier(Classifier):
    """Convexity: inputs have no hidden neuron of their own. Pudding: for one sign. Double-sided: for both signs.

    All three sum their hidden neurons with one sign, mostly positive, because both the norm and the bend of swish are
    convex. A read-out of mixed signs, as of random networks and those that Adam trains, is unknown, as is a network
    that is not finite or all zero. Weights alone do not show whether biases and scale fit the target, so a label says
    nothing about the loss. With fewer than four inputs, chance alone gives inputs neurons of their own.

    Thresholds separate these clusters of closed forms (swish, 4 to 64 inputs, 2 to 4 hidden neurons per input, 5 %
    noise on every weight), which tests/tasks/test_l1norm_classifier.py measures again:

                            convexity       pudding         double-sided
    double_sidedness        below 3.7       1 to 3.7        above 20
    strongest_connection    0.2 to 4.6      2.8 to 3.7      2.8 to 3.7
    assignment              below 7 (*)     above 20        above 20
    two_sided_assignment    below 4         below 3.5       above 18
    assigned_share          below 0.4       above 0.75      above 0.99
    one_signedness          above 0.99      above 0.99      above 0.99

    (*) Below 5 from eight inputs on. The worst size is (4, 16): one normal matrix in 400 reaches 7. The paper's α₁
    also separates double-sided networks here, but puddings with fewer leftover neurons than inputs have a median
    weight near zero and an α₁ of thousands as well. α₂ separates nothing across sizes.
    """

    @property
    def task(self) -> str:
        return "l1norm"

    @property
    def colours(self) -> Mapping[str, str]:
        return {CONVEXITY: "#d6303f", PUDDING: "#2e9e48", DOUBLE_SIDED: "#2f6bd8", UNKNOWN: "#8e8e93"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        L1Norm().check_spec(weights.spec)
        if len(weights.weights) != 2:
            raise SpecError(f"the algorithms of the L1 norm have one hidden layer, as 16,48,1 has, not {weights.spec}")
        first, second = weights.weights
        parameters = {
            "double_sidedness": double_sidedness(first),
            "strongest_connection": strongest_connection(first),
            "assignment": assignment(first),
            "two_sided_assignment": two_sided_assignment(first),
            "assigned_share": assigned_share(first),
            "one_signedness": one_signedness(first, second),
            "assigned_sign": assigned_sign(first, second),
        }
        if sibling is not None:
            parameters["seed_dependence"] = seed_dependence(first, sibling.weights[0])
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        names = "assignment", "two_sided_assignment", "assigned_share", "one_signedness"
        values = (order_parameters[name].flatten().tolist() for name in names)
        return [_label(*network) for network in zip(*values, strict=True)]

    def varieties(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        """Puddings by the sign of the second sum in equation 2: positive if the strong weights are negative."""
        signs = order_parameters["assigned_sign"].flatten().tolist()
        labels = zip(self.classify(order_parameters), signs, strict=True)
        return [
            f"{'positive' if sign < 0 else 'negative'} {PUDDING}" if label == PUDDING else label
            for label, sign in labels
        ]

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (
            ("strongest_connection", "double_sidedness"),
            ("strongest_connection", "seed_dependence"),
            ("assignment", "two_sided_assignment"),
        )

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {
            "assignment": ASSIGNED,
            "two_sided_assignment": ASSIGNED_TWICE,
            "assigned_share": ASSIGNED_SHARE,
            "one_signedness": ONE_SIGNED,
        }

    @property
    def outcomes(self) -> Mapping[str, str]:
        return OUTCOMES

    def outcome(self, phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
        return name_outcome(phases, kl)


def _label(assigned: float, assigned_twice: float, share: float, one_signed: float) -> str:
    if not math.isfinite(assigned + assigned_twice + share + one_signed) or one_signed < ONE_SIGNED:
        return UNKNOWN
    if share < ASSIGNED_SHARE:
        return CONVEXITY
    if assigned_twice >= ASSIGNED_TWICE:
        return DOUBLE_SIDED
    return PUDDING if assigned >= ASSIGNED else CONVEXITY
