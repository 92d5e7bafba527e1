"""Arrangements of features in fewer dimensions: dedicated dimensions, antipodal pairs, polygons, a tetrahedron.

The features that are represented, the most important first, are unit vectors v_i that the network reads and writes
with: output i is size·v_i·Σ_j v_j x_j + bias. A feature that is not represented has its mean as a constant answer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypergraph.closed_forms import one_hidden_layer
from hypergraph.errors import SpecError
from hypergraph.weights import MLPWeights
from hypergraph_superposition.task import Superposition

FIT_INPUTS = 1024
"""Inputs on which size and bias are fitted."""
SIZES = torch.linspace(0.8, 2.0, 13, dtype=torch.float64)
"""The sizes that are tried, of which the lowest loss is taken."""
BIASES = torch.linspace(-0.6, 0.2, 17, dtype=torch.float64)
"""The biases that are tried."""


def dedicated(task: Superposition, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """A dimension each for as many features as there are dimensions, as principal components would.

    Args:
        task: gives the network, and the features by which size and bias are fitted.
        rng: turns the dimensions.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where the task's network has no room for the arrangement.
    """
    return _arranged(task, torch.eye(task.options.dimensions, dtype=torch.float64), rng, dtype)


def antipodal(task: Superposition, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Two features in opposite directions of every dimension. Arguments and errors as of `dedicated`."""
    axes = torch.eye(task.options.dimensions, dtype=torch.float64)
    return _arranged(task, torch.stack([axes, -axes], 1).flatten(0, 1), rng, dtype)


def polygon(
    task: Superposition, corners: int, rng: torch.Generator, *, dtype: torch.dtype = torch.float32
) -> MLPWeights:
    """The corners of a regular polygon in two dimensions, such as a pentagon. The rest as of `dedicated`."""
    angles = 2 * math.pi / corners * torch.arange(corners, dtype=torch.float64)
    return _arranged(task, torch.stack([angles.cos(), angles.sin()], 1), rng, dtype)


def tetrahedron(task: Superposition, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Four features at the corners of a tetrahedron in three dimensions. The rest as of `dedicated`."""
    corners = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
    return _arranged(task, corners / 3**0.5, rng, dtype)


def _arranged(task: Superposition, vectors: Tensor, rng: torch.Generator, dtype: torch.dtype) -> MLPWeights:
    """A network that represents the most important features by unit vectors [feature, dimension], turned at random."""
    spec = task.default_spec
    features, dimensions = one_hidden_layer(spec)
    count, needed = vectors.shape
    if count > features or needed != dimensions:
        raise SpecError(f"{count} features in {needed} dimensions are not arranged in {spec}")
    chosen = task.importance(vectors).argsort(descending=True, stable=True)[:count]
    turn = torch.linalg.qr(torch.randn(dimensions, dimensions, generator=rng, dtype=torch.float64)).Q
    placed = torch.zeros(features, dimensions, dtype=torch.float64)
    placed[chosen] = vectors @ turn
    size, bias = _fit(task, placed, chosen)
    biases = torch.full((features,), (1 - task.options.sparsity) / 2, dtype=torch.float64)
    biases[chosen] = bias
    network = MLPWeights(spec, (placed.mT, size * placed), (biases.new_zeros(dimensions), biases))
    return network.map(lambda tensor: tensor.to(dtype).contiguous())


def _fit(task: Superposition, placed: Tensor, chosen: Tensor) -> tuple[float, float]:
    """The size and bias of the lowest loss of the chosen features, on samples that are always the same."""
    inputs, _ = task.sample(task.default_spec, FIT_INPUTS, torch.Generator().manual_seed(0))
    inputs = inputs.double()
    answers, targets = (inputs @ placed @ placed.mT)[:, chosen], inputs[:, chosen]
    importance = task.importance(inputs)[chosen]
    losses = torch.stack(
        [((size * answers + BIASES[:, None, None]).relu() - targets).square().mean(1) @ importance for size in SIZES]
    )
    best = int(losses.argmin())
    return float(SIZES[best // len(BIASES)]), float(BIASES[best % len(BIASES)])
