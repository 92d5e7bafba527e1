"""What closed forms of many tasks are made of: room in one hidden layer, and a read-out that is fitted."""

from __future__ import annotations

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec

FIT_SAMPLES = 4096
"""Inputs that a read-out is fitted on."""


def one_hidden_layer(spec: MLPSpec, fewest: int = 1) -> tuple[int, int]:
    """The inputs and hidden neurons of a spec that has room for an algorithm.

    Raises:
        SpecError: for other than one whole hidden layer with biases, or one of less than `fewest` neurons.
    """
    if len(spec.sizes) != 3 or spec.skips or spec.masks or not spec.bias:
        raise SpecError(f"the closed forms fill one hidden layer with biases, no skips and no masks, not {spec}")
    inputs, hidden = spec.sizes[:2]
    if hidden < fewest:
        raise SpecError(f"this algorithm needs at least {fewest} hidden neurons for {inputs} inputs, not {hidden}")
    return inputs, hidden


def fit_line(answers: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The factor [] and the shift [1] that bring answers nearest to targets, by least squares: two [sample]."""
    centred = answers - answers.mean()
    factor = centred @ targets / centred.square().sum()
    return factor, (targets.mean() - factor * answers.mean()).reshape(1)
