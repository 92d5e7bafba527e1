"""Building blocks for closed forms: check for one hidden layer, and fit a linear read-out."""

from __future__ import annotations

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec

FIT_SAMPLES = 4096
"""Number of inputs on which a read-out is fitted."""


def one_hidden_layer(spec: MLPSpec, fewest: int = 1) -> tuple[int, int]:
    """The numbers of inputs and hidden neurons of a network with one hidden layer.

    Raises:
        SpecError: the spec has skips, masks, no biases or not exactly one hidden layer of at least `fewest` neurons.
    """
    if len(spec.sizes) != 3 or spec.skips or spec.masks or not spec.bias:
        raise SpecError(f"the closed forms fill one hidden layer with biases, no skips and no masks, not {spec}")
    inputs, hidden = spec.sizes[:2]
    if hidden < fewest:
        raise SpecError(f"this algorithm needs at least {fewest} hidden neurons for {inputs} inputs, not {hidden}")
    return inputs, hidden


def fit_line(answers: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Fit targets = factor * answers + shift by least squares: both [sample] -> factor [], shift [1]."""
    centred = answers - answers.mean()
    factor = centred @ targets / centred.square().sum()
    return factor, (targets.mean() - factor * answers.mean()).reshape(1)
