"""Two ways to add products of pairs with one hidden layer: both square sums and differences with bent neurons.

The sum of products is a quadratic form, xᵀQx, of which u + v of every pair spans the subspace that Q stretches by +1/2
and u - v the one that it stretches by -1/2. Neurons a σ(w x) + σ(-w x) square the number w x, so it needs directions w
that are evenly spread over either subspace, summed with the sign of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation
from hypergraph_multiplication.task import Multiplication, normalised_products

GAIN = 0.3
"""Length of a first-layer row. The smaller, the nearer σ(z) + σ(-z) is to a square, and the larger the read-out."""


def four_neurons(spec: MLPSpec, *, gain: float = GAIN, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Lin, Tegmark and Rolnick (2017): for each pair σ(±a(u + v)) - σ(±a(u - v)), which tends to a multiple of uv.

    Args:
        spec: one hidden layer of at least twice as many neurons as inputs; those left over are unused.
        gain: length of the rows.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm, or an activation that does not bend at 0.
    """
    _check(spec)
    return _mirrored(spec, torch.eye(spec.sizes[0] // 2, dtype=torch.float64).repeat(2, 1, 1), gain, dtype)


def eigenspaces(
    spec: MLPSpec, rng: torch.Generator, *, gain: float = GAIN, dtype: torch.dtype = torch.float32
) -> MLPWeights:
    """As :func:`four_neurons`, each of the two subspaces turned at random: a neuron reads all pairs, yet Q is the same.

    `rng` draws the rotations. Raises SpecError as there.
    """
    _check(spec)
    pairs = spec.sizes[0] // 2
    normal = torch.randn(2, pairs, pairs, generator=rng, dtype=torch.float64)
    return _mirrored(spec, torch.linalg.qr(normal).Q, gain, dtype)


def _mirrored(spec: MLPSpec, turns: Tensor, gain: float, dtype: torch.dtype) -> MLPWeights:
    """Neurons along ± the rows of a rotation [2, pair, pair] of sums and of differences; the read-out is fitted."""
    sums, differences = (turn.repeat_interleave(2, 1) / 2**0.5 for turn in turns)
    differences[:, 1::2] *= -1
    inputs, hidden = spec.sizes[:2]
    first = torch.zeros(hidden, inputs, dtype=torch.float64)
    first[: 2 * inputs] = gain * torch.cat([sums, -sums, differences, -differences])
    signs = torch.zeros(hidden, dtype=torch.float64)
    signs[:inputs], signs[inputs : 2 * inputs] = 1, -1
    samples = torch.randn(4096, inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers = activation(spec.activation)(samples @ first.T) @ signs
    targets = normalised_products(samples).squeeze(1)
    factor = (answers - answers.mean()) @ targets / (answers - answers.mean()).square().sum()
    shift = (targets.mean() - factor * answers.mean()).reshape(1)
    network = MLPWeights(spec, (first, (factor * signs)[None]), (signs.new_zeros(hidden), shift))
    return network.map(lambda tensor: tensor.to(dtype))


def _check(spec: MLPSpec) -> None:
    Multiplication().check_spec(spec)
    if len(spec.sizes) != 3 or spec.skips or spec.masks or not spec.bias:
        raise SpecError(f"the closed forms fill one hidden layer with biases, no skips and no masks, not {spec}")
    if spec.sizes[1] < 2 * spec.sizes[0]:
        raise SpecError(f"{spec.sizes[0] // 2} products need {2 * spec.sizes[0]} hidden neurons, not {spec.sizes[1]}")
    small = torch.tensor([-1e-2, 1e-2], dtype=torch.float64)
    bend = activation(spec.activation)(small).sum() - 2 * activation(spec.activation)(0 * small[0])
    if not 1e-6 < bend < 1e-3:
        raise SpecError(f"{spec.activation!r} does not bend smoothly at 0, as silu, gelu and softplus do")
