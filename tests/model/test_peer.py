"""The JAX implementation that the benchmarks compare against gives the same networks."""

import numpy as np
import pytest
import torch

from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec


@pytest.mark.slow
def test_networks_are_the_same() -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    from benchmarks import peer

    spec = MLPSpec((5, 4, 2))
    fast = Generator.initial([spec], [stream(0)])
    draws = fast.draw([stream(1)])
    (network,), kl = fast(torch.tensor([1e-6]), draws)
    parameters = {name: value[0] for name, value in peer.parameters_of(fast).items()}
    weights, biases, nats = peer.generate(spec, peer.encodings_of(spec), parameters, 1e-6, draws[0].numpy())
    np.testing.assert_allclose(nats, kl[0, 0].item(), rtol=1e-4)
    for ours, theirs in zip(network.weights + network.biases, weights + biases, strict=True):
        np.testing.assert_allclose(theirs, ours[0].detach().numpy(), rtol=1e-3, atol=1e-5)
