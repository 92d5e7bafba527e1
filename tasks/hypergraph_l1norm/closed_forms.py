"""The paper's three algorithms (section 2.1) as weights, at any size with one hidden layer.

Each algorithm has a first layer W (rows are hidden neurons) and a sum of its hidden neurons. One factor and one bias of
that sum are then fitted by least squares on samples of the task. For ReLU the fit is exact; for swish, which
approaches ReLU only for large inputs, it also corrects the mean difference.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from hypergraph.closed_forms import FIT_SAMPLES, fit_line, one_hidden_layer
from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation
from hypergraph_l1norm.task import L1Norm, normalised_norm

GAIN = 3.0
"""Strongest connection of the double-sided and pudding networks that hypernetworks generate (about 2.5 to 3.5)."""
SPREAD = 2.0
"""Standard deviation of a convexity neuron's input: from 1.5 on swish bends enough, and more lowers no loss."""


def double_sided(spec: MLPSpec, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Equation 1, Σ ReLU(x_i) + Σ ReLU(-x_i): two hidden neurons per input, the others unused.

    Args:
        spec: one hidden layer of at least twice as many neurons as inputs.
        gain: size of the first layer's weights; swish(gain x) / gain tends to ReLU(x) as it grows.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm.
    """
    inputs, hidden = _check(spec, fewest=2 * spec.sizes[0])
    first = torch.zeros(hidden, inputs, dtype=torch.float64)
    own = gain * torch.eye(inputs, dtype=torch.float64)
    first[: 2 * inputs] = torch.cat([own, -own])
    return _fitted(spec, first, first.new_zeros(hidden), dtype)


def pudding(
    spec: MLPSpec,
    sign: Literal[1, -1] = 1,
    *,
    offset: float | None = None,
    gain: float = GAIN,
    dtype: torch.dtype = torch.float32,
) -> MLPWeights:
    """Equations 2 and 3, 2 Σ ReLU(∓x_i) ± Σ x_i: one hidden neuron per input, the leftover ones share the second sum.

    The bias `offset` keeps leftover neurons in their linear range, and the output bias cancels it. All hidden neurons
    have the same second weight, as in generated networks, so the first weights of k leftover neurons are gain / 2k.

    Args:
        spec: one hidden layer of more neurons than inputs.
        sign: +1 or -1, the sign of the second sum.
        offset: c of equation 3; by default ten standard deviations of a leftover neuron's input, plus 10, where swish
            is linear.
        gain: size of the strong weights; swish(gain x) / gain tends to ReLU(x) as it grows.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm.
    """
    inputs, hidden = _check(spec, fewest=spec.sizes[0] + 1)
    share = gain / (2 * (hidden - inputs))
    first = torch.full((hidden, inputs), sign * share, dtype=torch.float64)
    first[:inputs] = -sign * gain * torch.eye(inputs, dtype=torch.float64)
    bias = first.new_zeros(hidden)
    bias[inputs:] = 10 * (1 + share * math.sqrt(inputs)) if offset is None else offset
    return _fitted(spec, first, bias, dtype)


def convexity(
    spec: MLPSpec,
    rng: torch.Generator,
    *,
    bimodal: bool = False,
    spread: float = SPREAD,
    dtype: torch.dtype = torch.float32,
) -> MLPWeights:
    """Equation 4, α Σ_j swish(Σ_i W_ij x_i) with W ~ D: normal, or bimodal on two opposite values.

    Args:
        spec: one hidden layer of any size.
        rng: draws W.
        bimodal: whether D is ±1 with equal chance instead of normal, both scaled.
        spread: standard deviation of a hidden neuron's input; that of D is spread / √inputs.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm.
    """
    inputs, hidden = _check(spec, fewest=1)
    first = torch.randn(hidden, inputs, generator=rng, dtype=torch.float64)
    first = (first.sign() if bimodal else first) * spread / math.sqrt(inputs)
    return _fitted(spec, first, first.new_zeros(hidden), dtype)


def _check(spec: MLPSpec, fewest: int) -> tuple[int, int]:
    """The inputs and hidden neurons of a spec that has room for an algorithm. Raises SpecError."""
    L1Norm().check_spec(spec)
    one_hidden_layer(spec)
    far = torch.tensor([-1e6, 1e6], dtype=torch.float64)
    if not torch.allclose(activation(spec.activation)(far) / 1e6, far.sign().relu(), atol=1e-3):
        raise SpecError(f"from afar {spec.activation!r} does not look like a ReLU, as relu, silu and gelu do")
    return one_hidden_layer(spec, fewest)


def _fitted(spec: MLPSpec, first: Tensor, bias: Tensor, dtype: torch.dtype) -> MLPWeights:
    """Sum the hidden neurons with the factor and the bias that fit the norm best."""
    rng = torch.Generator().manual_seed(0)  # always the same samples: a closed form is deterministic
    inputs = torch.randn(FIT_SAMPLES, spec.sizes[0], generator=rng, dtype=torch.float64)
    sums = activation(spec.activation)(inputs @ first.T + bias).sum(1)
    norms = normalised_norm(inputs).squeeze(1)
    factor, shift = fit_line(sums, norms)
    second = factor.expand(1, spec.sizes[1])
    return MLPWeights(spec, (first, second), (bias, shift)).map(lambda tensor: tensor.to(dtype).contiguous())
