"""Three ways to add products of pairs with one hidden layer: all square sums and differences with bent neurons.

The sum of products is a quadratic form, xᵀQx. The sums u + v of all pairs span the eigenspace of Q with eigenvalue 1/2,
the differences u - v that with -1/2. So the form is a sum of squares of w x, with directions w spread evenly over each
eigenspace and the sign of its eigenvalue. Two mirrored neurons, σ(w x) + σ(-w x), approximate a square near 0; a single
neuron does so at the minimum of σ.

Mirrors also cancel the cubic part of σ, so the loss falls with the fourth power of the gain, without them with the
second. At the default gains and 2 to 16 inputs it is 0.0006 (silu) and 0.002 (gelu) with mirrors, 0.004 and 0.007
without.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.closed_forms import FIT_SAMPLES, fit_line, one_hidden_layer
from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation
from hypergraph_multiplication.task import Multiplication, normalised_products

GAIN = 0.3
"""Length of a first-layer row. A smaller one brings neurons closer to squares and enlarges the read-out."""
UNMIRRORED_GAIN = 0.05
"""The same without mirrors: smaller, because the cubic part remains."""


def four_neurons(spec: MLPSpec, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Lin, Tegmark and Rolnick (2017): for each pair σ(±a(u + v)) - σ(±a(u - v)), which tends to a multiple of uv.

    Args:
        spec: one hidden layer of at least twice as many neurons as inputs; the others are unused.
        gain: length of the rows.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm, or an activation that does not bend at 0.
    """
    _check(spec, fewest=2 * spec.sizes[0])
    return _fitted(spec, _mirrored(_subspaces(_own_pairs(spec))), 0.0, gain, dtype)


def two_neurons(spec: MLPSpec, *, gain: float = UNMIRRORED_GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """No mirrors: for each pair σ(a(u + v) + b) - σ(a(u - v) + b), where b is the minimum of σ.

    Args:
        spec: one hidden layer of at least as many neurons as inputs; the others are unused.
        gain: length of the rows.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm, or an activation without a minimum, such as softplus.
    """
    _check(spec, fewest=spec.sizes[0])
    return _fitted(spec, _subspaces(_own_pairs(spec)), _bottom(spec.activations[0]), gain, dtype)


def eigenspaces(
    spec: MLPSpec, rng: torch.Generator, *, gain: float = GAIN, dtype: torch.dtype = torch.float32
) -> MLPWeights:
    """As `four_neurons`, with both eigenspaces rotated at random: neurons read all pairs, and Q is the same.

    `rng` draws the rotations. Raises SpecError as `four_neurons` does.
    """
    _check(spec, fewest=2 * spec.sizes[0])
    normal = torch.randn(_own_pairs(spec).shape, generator=rng, dtype=torch.float64)
    return _fitted(spec, _mirrored(_subspaces(torch.linalg.qr(normal).Q)), 0.0, gain, dtype)


def _own_pairs(spec: MLPSpec) -> Tensor:
    """The identity rotations of sums and of differences: [2, pair, pair]."""
    return torch.eye(spec.sizes[0] // 2, dtype=torch.float64).repeat(2, 1, 1)


def _subspaces(turns: Tensor) -> Tensor:
    """The rows of rotations [2, pair, pair] of sums and of differences, as unit vectors [2, pair, input]."""
    sums, differences = turns.repeat_interleave(2, -1) / 2**0.5
    return torch.stack([sums, differences * differences.new_tensor([1, -1]).repeat(turns.shape[-1])])


def _mirrored(rows: Tensor) -> Tensor:
    return torch.cat([rows, -rows], 1)


def _fitted(spec: MLPSpec, rows: Tensor, bias: float, gain: float, dtype: torch.dtype) -> MLPWeights:
    """Neurons along rows [2, neuron, input] of sums and of differences; one factor and one shift are fitted."""
    inputs, hidden = spec.sizes[:2]
    half, used = rows.shape[1], 2 * rows.shape[1]
    first = torch.zeros(hidden, inputs, dtype=torch.float64)
    first[:used] = gain * rows.flatten(0, 1)
    signs, biases = torch.zeros(2, hidden, dtype=torch.float64)
    signs[:half], signs[half:used], biases[:used] = 1, -1, bias
    samples = torch.randn(FIT_SAMPLES, inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers = activation(spec.activation)(samples @ first.T + biases) @ signs
    targets = normalised_products(samples).squeeze(1)
    factor, shift = fit_line(answers, targets)
    network = MLPWeights(spec, (first, (factor * signs)[None]), (biases, shift))
    return network.map(lambda tensor: tensor.to(dtype))


def _bottom(name: str) -> float:
    """The minimum of an activation below 0. Raises SpecError where it has none."""
    grid = torch.linspace(-4, 0, 400_001, dtype=torch.float64)
    lowest = int(activation(name)(grid).argmin())
    if not lowest:
        raise SpecError(f"{name!r} has no bottom, as silu and gelu have, for one neuron to square with")
    return float(grid[lowest])


def _check(spec: MLPSpec, fewest: int) -> None:
    Multiplication().check_spec(spec)
    one_hidden_layer(spec)
    if spec.sizes[1] < fewest:
        raise SpecError(f"{spec.sizes[0] // 2} products need {fewest} hidden neurons here, not {spec.sizes[1]}")
    small = torch.tensor([-1e-2, 1e-2], dtype=torch.float64)
    bend = activation(spec.activation)(small).sum() - 2 * activation(spec.activation)(0 * small[0])
    if not 1e-6 < bend < 1e-3:
        raise SpecError(f"{spec.activation!r} does not bend smoothly at 0, as silu, gelu and softplus do")
