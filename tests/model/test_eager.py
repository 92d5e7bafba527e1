"""The implementation that the benchmarks compare against computes the same."""

import pytest
import torch
from benchmarks.eager import EagerTrainer

from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm

RECIPE = Recipe(steps=40, batch=32, beta_warmup_steps=10)


def test_training_goes_the_same_way() -> None:
    spec = MLPSpec((4, 7, 1))
    fast = Trainer(L1Norm(), [spec], RECIPE, 0, [0, 3], torch.device("cpu"))
    eager = EagerTrainer(L1Norm(), spec, RECIPE, 0, [0, 3])
    for _ in range(6):
        for ours, theirs in zip(fast.step(), eager.step(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("encoder", [True, False])
def test_networks_are_the_same(encoder: bool) -> None:
    spec = MLPSpec((5, 4, 6, 2))
    fast = Generator.initial([spec], [stream(0), stream(1)])
    eager = EagerTrainer(L1Norm(), spec, RECIPE, 0, [0, 1]).model
    eager.pareto.update(fast.pareto.state_dict())
    beta, draws = torch.tensor([1e-6, 0.1]), fast.draw([stream(2), stream(3)])
    (network,), kl = fast(beta, draws, encoder=encoder)
    weights, biases, nats = eager(beta, draws, encoder=encoder)
    torch.testing.assert_close(nats, kl[:, 0], rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(network.weights + network.biases, weights + biases, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
