"""Random networks and random numbers, for hypothesis and without."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from hypothesis import strategies as st
from listing import list_weights
from torch import Tensor

from hypergraph.spec import Activation, Connection, MLPSpec
from hypergraph.weights import MLPWeights

MODEST: tuple[Activation, ...] = ("silu", "relu", "tanh", "gelu", "softplus", "identity")
"""Activations that enlarge no number much."""

seeds = st.integers(0, 2**32 - 1)


def rng(seed: int) -> torch.Generator:
    """A stream of random numbers."""
    return torch.Generator().manual_seed(seed)


def noisy(network: MLPWeights, seed: int) -> MLPWeights:
    """5 % noise on every weight."""
    stream = rng(seed)
    return network.map(lambda tensor: tensor * (1 + 0.05 * torch.randn(tensor.shape, generator=stream)))


def normal(seed: int, *shape: int) -> Tensor:
    """Standard normal float64 numbers that depend on the seed alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def specs(draw: st.DrawFn, max_depth: int = 10) -> MLPSpec:
    """Networks of 1 to 10 layers of weights, the shallow ones wider, that keep at least one weight.

    They have one activation, or one for each hidden layer.
    """
    depth = draw(st.integers(1, max_depth))
    width = st.integers(1, max(3, 12 // depth))
    sizes = draw(st.lists(width, min_size=depth + 1, max_size=depth + 1))
    layers = range(depth + 1)
    jumps = [(source, target) for source, target in product(layers, layers) if target - source >= 2]
    skips = draw(st.lists(st.sampled_from(jumps), max_size=3, unique=True)) if jumps else []
    masks = draw(_masks(sizes, [*pairwise(layers), *skips]))
    spec = MLPSpec(tuple(sizes), draw(_activations(depth - 1)), draw(st.booleans()), tuple(skips), masks)
    return spec if list_weights(spec) else MLPSpec(spec.sizes, spec.activation, spec.bias, spec.skips)


@st.composite
def _activations(draw: st.DrawFn, hidden: int) -> Activation | tuple[Activation, ...]:
    """One for all, or one for each hidden layer with at most one square, because squares of squares overflow."""
    if not hidden or draw(st.booleans()):
        return draw(st.sampled_from(MODEST))
    names = draw(st.lists(st.sampled_from(MODEST), min_size=hidden, max_size=hidden))
    if draw(st.booleans()):
        names[draw(st.integers(0, hidden - 1))] = "square"
    return tuple(names)


@st.composite
def _masks(draw: st.DrawFn, sizes: list[int], connections: list[tuple[int, int]]) -> tuple[Connection, ...]:
    masked = draw(st.lists(st.sampled_from(connections), max_size=2, unique=True))
    masks = []
    for source, target in masked:
        row = st.text("01", min_size=sizes[source], max_size=sizes[source])
        rows = draw(st.lists(row, min_size=sizes[target], max_size=sizes[target]))
        masks.append(Connection(source, target, tuple(rows)))
    return tuple(masks)
