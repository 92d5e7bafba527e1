"""Shared by the checks: random networks, and a guard of the process-wide random streams."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, kept_weights


@contextmanager
def own_stream(method: str, own: str) -> Iterator[None]:
    """Refuse draws from process-wide streams; `own` is the stream to use instead."""
    before = shared_streams()
    yield
    for library, state in shared_streams().items():
        assert state == before[library], f"{method} draws from the global stream of {library}: use {own}"


def shared_streams() -> dict[str, object]:
    """The states of the process-wide streams, by library."""
    state: Any = np.random.get_state()
    _, keys, *position = state
    return {"torch": torch.get_rng_state().tolist(), "numpy": (keys.tolist(), position), "random": random.getstate()}


def equal(one: MLPWeights, other: MLPWeights) -> bool:
    return all(map(torch.equal, one.weights + one.biases, other.weights + other.biases))


def random_networks(spec: MLPSpec, count: int, seed: int = 0) -> MLPWeights:
    rng = stream("check", seed)
    weights = [
        torch.randn((count, spec.sizes[c.target], spec.sizes[c.source]), generator=rng) * kept_weights(spec, c)
        for c in spec.connections
    ]
    biases = [torch.randn((count, size), generator=rng) for size in spec.sizes[1:]] if spec.bias else []
    return MLPWeights(spec, tuple(weights), tuple(biases))
