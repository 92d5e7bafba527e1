"""Two ways to compute a parity with one hidden layer: count the signs, or memorise every pattern."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from hypergraph.closed_forms import one_hidden_layer
from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation
from hypergraph_parity.task import DOUBT, Parity

GAIN = 3.0
"""Size of the first layer's weights: large enough that swish bends between sums two apart."""
LOGIT = math.log(1 / DOUBT - 1)
"""The best network's answer."""
MAX_INPUTS = 12
"""The largest number of inputs for which patterns are listed."""


def counting(spec: MLPSpec, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """A zigzag in the sum of the inputs: n + 1 hidden neurons that read the same sum with different biases.

    Args:
        spec: one hidden layer of more neurons than inputs; the others are unused.
        gain: size of the first layer's weights.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm.
    """
    inputs, hidden = _check(spec, spec.sizes[0] + 1)
    sums = torch.arange(-inputs, inputs + 1, 2, dtype=torch.float64)
    first, bias = torch.zeros(hidden, inputs, dtype=torch.float64), torch.zeros(hidden, dtype=torch.float64)
    first[: inputs + 1], bias[: inputs + 1] = gain, -gain * (sums - 1)  # neuron k rises from below the k-th sum on
    rising = activation(spec.activation)(gain * sums[:, None] + bias[: inputs + 1])
    negatives = torch.arange(inputs, -1, -1)
    answers = torch.where(negatives % 2 == 0, LOGIT, -LOGIT).to(sums)
    second = torch.zeros(1, hidden, dtype=torch.float64)
    second[0, : inputs + 1] = torch.linalg.solve(rising, answers)
    return _network(spec, (first, second), (bias, bias.new_zeros(1)), dtype)


def patterns(spec: MLPSpec, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """One hidden neuron for each of the 2ⁿ⁻¹ patterns of positive product, which responds to this pattern alone.

    Arguments and errors as of `counting`, but `spec` needs that many hidden neurons.
    """
    inputs, hidden = _check(spec, 2 ** (min(spec.sizes[0], MAX_INPUTS) - 1))
    all_signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=inputs)), dtype=torch.float64)
    positive = all_signs[all_signs.prod(1) > 0]
    first, bias = torch.zeros(hidden, inputs, dtype=torch.float64), torch.zeros(hidden, dtype=torch.float64)
    first[: len(positive)], bias[: len(positive)] = gain * positive, -gain * (inputs - 1)
    answer = activation(spec.activation)(all_signs @ first.T + bias).sum(1)
    columns = torch.stack([answer, torch.ones_like(answer)], dim=1)
    factor, shift = torch.linalg.lstsq(columns, LOGIT * all_signs.prod(1, keepdim=True)).solution
    second = torch.zeros(1, hidden, dtype=torch.float64)
    second[0, : len(positive)] = factor
    return _network(spec, (first, second), (bias, shift), dtype)


def _check(spec: MLPSpec, fewest: int) -> tuple[int, int]:
    """The inputs and hidden neurons of a spec that has room for an algorithm. Raises SpecError."""
    Parity().check_spec(spec)
    inputs, _ = one_hidden_layer(spec)
    if inputs > MAX_INPUTS:
        raise SpecError(f"the closed forms are for at most {MAX_INPUTS} inputs, not {inputs}")
    return one_hidden_layer(spec, fewest)


def _network(spec: MLPSpec, weights: tuple[Tensor, ...], biases: tuple[Tensor, ...], dtype: torch.dtype) -> MLPWeights:
    return MLPWeights(spec, weights, biases).map(lambda tensor: tensor.to(dtype))
