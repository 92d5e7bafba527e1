"""The fast implementation agrees with the oracle, in value and in gradient."""

from __future__ import annotations

from collections.abc import Sequence

import oracle
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from listing import list_weights
from strategies import normal, seeds, specs
from torch import Tensor

import hypergraph.model.hypernetwork as hypernetwork_module
from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH, LEARNED
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS, Generated, hypernetwork
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

TOLERANCE = 1e-9
SPREAD = 0.1
"""Of random hyperweights: every block matters, no attention saturates, and nothing explodes in four hyperlayers."""


def assert_agree(actual: Tensor, expected: Tensor) -> None:
    """Equal to TOLERANCE, relative to the largest number of the tensor."""
    scale = expected.detach().abs().max().item() if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE * scale + 1e-13)


def random_hyperweights(seed: int, members: int, weights: int) -> tuple[Tensor, Tensor]:
    """Shared hyperweights [member, SHARED_HYPERWEIGHTS] and learned variables [member, HYPERDEPTH, LEARNED, weight]."""
    shared = normal(seed, members, SHARED_HYPERWEIGHTS) * SPREAD
    learned = normal(seed + 1, members, HYPERDEPTH, LEARNED, weights)
    return shared.requires_grad_(), learned.requires_grad_()


def random_draws(seed: int, members: int, weights: int) -> Tensor:
    return normal(seed + 2, members, HYPERDEPTH, DRAWS, weights)


def join(shared: Tensor, learned: Tensor) -> Tensor:
    return torch.cat([shared, learned.flatten(1)], 1)


def run_fast(graph: ComputationGraph, hyperweights: Tensor, draws: Tensor, encoder: bool) -> Generated:
    return hypernetwork(hyperweights, draws, positional_encodings(graph), graph, encoder)


def run_oracle(spec: MLPSpec, hyperweights: Tensor, draws: Tensor, encoder: bool) -> oracle.Generated:
    """Every member by itself."""
    members = [oracle.hypernetwork(spec, *inputs, encoder) for inputs in zip(hyperweights, draws, strict=True)]
    return oracle.Generated(*(torch.stack(part) for part in zip(*members, strict=True)))


def assert_agree_with_gradients(actual: Sequence[Tensor], expected: Sequence[Tensor], inputs: list[Tensor]) -> None:
    """Outputs agree, and so do the gradients of a random sum of each of them; zero where there is none."""
    for n, (fast, slow) in enumerate(zip(actual, expected, strict=True)):
        assert_agree(fast, slow)
        along = normal(n, *slow.shape)
        for by_fast, by_slow in zip(gradients(fast, inputs, along), gradients(slow, inputs, along), strict=True):
            assert_agree(by_fast, by_slow)


def gradients(output: Tensor, inputs: list[Tensor], along: Tensor) -> Sequence[Tensor]:
    if not output.requires_grad:
        return [torch.zeros_like(tensor) for tensor in inputs]
    return torch.autograd.grad(output, inputs, along, retain_graph=True, materialize_grads=True)


def assert_hypernetworks_agree(spec: MLPSpec, members: int, encoder: bool, seed: int) -> None:
    graph = ComputationGraph.of(spec)
    shared, learned = random_hyperweights(seed, members, graph.weights)
    draws = random_draws(seed, members, graph.weights)
    fast = run_fast(graph, join(shared, learned), draws, encoder)
    slow = run_oracle(spec, join(shared, learned), draws, encoder)
    assert_agree_with_gradients(fast, slow, [shared, learned])


@given(spec=specs(), members=st.integers(1, 3), encoder=st.booleans(), seed=seeds)
def test_hypernetwork(spec: MLPSpec, members: int, encoder: bool, seed: int) -> None:
    assert_hypernetworks_agree(spec, members, encoder, seed)


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_hypernetwork_at_the_size_of_the_paper(compiled: bool, encoder: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(hypernetwork_module, "available", lambda *_: False)
    assert_hypernetworks_agree(MLPSpec((16, 48, 1)), 1, encoder, seed=0)


def run_oracle_on_each(
    networks: Sequence[MLPSpec], shared: Tensor, learned: Tensor, draws: Tensor, encoder: bool
) -> list[oracle.Generated]:
    """Every network by itself, with its own part of the learned variables and of the draws."""
    counts = [len(list_weights(spec)) for spec in networks]
    parts = zip(networks, learned.split(counts, 3), draws.split(counts, 3), strict=True)
    return [run_oracle(spec, join(shared, own), own_draws, encoder) for spec, own, own_draws in parts]


@given(first=specs(4), second=specs(4), encoder=st.booleans(), seed=seeds)
def test_joined_networks_equal_each_alone(first: MLPSpec, second: MLPSpec, encoder: bool, seed: int) -> None:
    graph = ComputationGraph.of(first, second)
    shared, learned = random_hyperweights(seed, 1, graph.weights)
    draws = random_draws(seed, 1, graph.weights)
    together = run_fast(graph, join(shared, learned), draws, encoder)
    each = run_oracle_on_each([first, second], shared, learned, draws, encoder)
    assert_agree_with_gradients(together, [torch.cat(part, 1) for part in zip(*each, strict=True)], [shared, learned])


@given(spec=specs())
def test_positional_encodings(spec: MLPSpec) -> None:
    actual = positional_encodings(ComputationGraph.of(spec))
    torch.testing.assert_close(actual.T, oracle.positional_encodings(spec), rtol=0, atol=1e-14)


def random_pareto(seed: int, members: int, count: int) -> ParetoHyperhypernetwork:
    shapes = [(1, 100), (1, 100), (100, 10), (1, 10), (10, 2 * count), (1, 2 * count)]
    return ParetoHyperhypernetwork(*(normal(seed + n, members, *shape) / 3 for n, shape in enumerate(shapes)))


def run_oracle_pareto(pareto: ParetoHyperhypernetwork, betas: Sequence[float]) -> Tensor:
    """Every member's hyperweights, by itself."""
    matrices = [pareto.weight1, pareto.weight2, pareto.weight3]
    biases = [pareto.bias1, pareto.bias2, pareto.bias3]
    members = [
        oracle.hyperhypernetwork([matrix[m] for matrix in matrices], [bias[m, 0] for bias in biases], beta)
        for m, beta in enumerate(betas)
    ]
    return torch.stack(members)


BETAS = [1e-12, 3e-5, 1.0]


@given(seed=seeds)
def test_hyperhypernetwork(seed: int) -> None:
    pareto = random_pareto(seed, len(BETAS), count=7)
    fast = pareto(torch.tensor(BETAS, dtype=torch.float64))
    slow = run_oracle_pareto(pareto, BETAS)
    assert_agree_with_gradients([fast], [slow], list(pareto.parameters()))


@given(targets=st.lists(specs(4), min_size=1, max_size=2), encoder=st.booleans(), seed=seeds)
def test_generator(targets: list[MLPSpec], encoder: bool, seed: int) -> None:
    """The whole of Figure 7: from beta to the matrices of every layer and the KL of every network."""
    weights = sum(len(list_weights(spec)) for spec in targets)
    pareto = random_pareto(seed, len(BETAS), SHARED_HYPERWEIGHTS + HYPERDEPTH * LEARNED * weights)
    draws = random_draws(seed, len(BETAS), weights)
    networks, kl = Generator(targets, pareto)(torch.tensor(BETAS, dtype=torch.float64), draws, encoder=encoder)

    hyperweights = run_oracle_pareto(pareto, BETAS)
    learned = hyperweights[:, SHARED_HYPERWEIGHTS:].view(-1, HYPERDEPTH, LEARNED, weights)
    expected = run_oracle_on_each(targets, hyperweights[:, :SHARED_HYPERWEIGHTS], learned, draws, encoder)
    assert_agree(kl, torch.stack([generated.kl.sum(1) for generated in expected], 1))
    for network, spec, generated in zip(networks, targets, expected, strict=True):
        assert network.spec == spec
        assert_agree(kept_weights(network), generated.weights)
        assert sum(matrix.count_nonzero() for matrix in network.weights) == generated.weights.count_nonzero()
        assert [bias.shape[1] for bias in network.biases] == list(spec.sizes[1:] if spec.bias else ())
        if spec.bias:
            assert_agree(torch.cat(network.biases, 1), generated.biases)


def kept_weights(network: MLPWeights) -> Tensor:
    """[member, weight], read one by one out of the matrices."""
    matrices = {
        (c.source, c.target): matrix for c, matrix in zip(network.spec.connections, network.weights, strict=True)
    }
    return torch.stack([matrices[s, t][:, j, i] for s, i, t, j in list_weights(network.spec)], 1)
