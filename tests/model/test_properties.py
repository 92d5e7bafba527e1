"""What must hold of the hypernetwork whatever its hyperweights: symmetries, independence, the price of information."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from listing import list_weights
from strategies import normal, seeds, specs
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH, LATENT, LEARNED, NOISE
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS, Generated, hypernetwork, hyperweight_count
from hypergraph.rng import stream
from hypergraph.spec import Connection, MLPSpec


def assert_close(actual: Tensor, expected: Tensor, error: float) -> None:
    """Equal to `error`, relative to the largest number of the tensor."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=error * expected.detach().abs().max().item())


def random_inputs(seed: int, members: int, weights: int) -> tuple[Tensor, Tensor, Tensor]:
    """Shared hyperweights, learned variables [member, HYPERDEPTH, LEARNED, weight] and draws."""
    shared = normal(seed, members, SHARED_HYPERWEIGHTS) * 0.1
    learned = normal(seed + 1, members, HYPERDEPTH, LEARNED, weights)
    return shared, learned, normal(seed + 2, members, HYPERDEPTH, DRAWS, weights)


def generate(
    graph: ComputationGraph, shared: Tensor, learned: Tensor, draws: Tensor, *, encoder: bool = True
) -> Generated:
    """One pass, with the hyperweights given in two parts."""
    hyperweights = torch.cat([shared, learned.flatten(1)], 1)
    return hypernetwork(hyperweights, draws, positional_encodings(graph).to(shared), graph, encoder)


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_member_in_a_batch_equals_that_member_alone(encoder: bool, dtype: torch.dtype, error: float) -> None:
    graph = ComputationGraph.of(MLPSpec((5, 9, 3, 2), skips=((0, 2),)))
    inputs = [tensor.to(dtype) for tensor in random_inputs(0, 4, graph.weights)]
    together = generate(graph, *inputs, encoder=encoder)
    for m in range(4):
        alone = generate(graph, *(tensor[m : m + 1] for tensor in inputs), encoder=encoder)
        assert_close(together.weights[m : m + 1], alone.weights, error)
        assert_close(together.biases[m : m + 1], alone.biases, error)
        assert_close(together.kl[m : m + 1], alone.kl, error)


def test_a_member_that_diverges_leaves_the_others_alone() -> None:
    graph = ComputationGraph.of(MLPSpec((4, 6, 1)))
    shared, learned, draws = random_inputs(1, 3, graph.weights)
    sound = generate(graph, shared, learned, draws)
    shared[1, 7] = math.nan
    spoilt = generate(graph, shared, learned, draws)
    for before, after in zip(sound, spoilt, strict=True):
        assert after[1].isnan().all()
        assert torch.equal(after[::2], before[::2])


@given(spec=specs(), seed=seeds)
def test_kl_is_zero_where_the_encoder_knows_no_more_than_the_decoder(spec: MLPSpec, seed: int) -> None:
    graph = ComputationGraph.of(spec)
    shared, learned, draws = random_inputs(seed, 2, graph.weights)
    assert generate(graph, shared, learned, draws).kl.min() > 0
    draws[:, :, 0 : 2 * NOISE : 2] = draws[:, :, 1 : 2 * NOISE : 2]  # the encoder's noise is the decoder's
    agreeing = generate(graph, shared, torch.zeros_like(learned), draws)
    assert agreeing.kl.abs().max() < 1e-12
    ignored = generate(graph, shared, learned, draws, encoder=False)
    assert_close(agreeing.weights, ignored.weights, 1e-10)
    assert_close(agreeing.biases, ignored.biases, 1e-10)


def test_ignored_encoder_costs_nothing_and_knows_nothing() -> None:
    graph = ComputationGraph.of(MLPSpec((4, 6, 1)))
    shared, learned, draws = random_inputs(2, 2, graph.weights)
    ignored = generate(graph, shared, learned, draws, encoder=False)
    assert not ignored.kl.any()
    draws[:, :, 0 : 2 * NOISE : 2] = math.nan  # the encoder's noise
    without = hypernetwork(shared, draws, positional_encodings(graph), graph, encoder=False)
    assert torch.equal(ignored.weights, without.weights)
    assert torch.equal(ignored.biases, without.biases)
    used = generate(graph, *random_inputs(2, 2, graph.weights))
    assert used.kl.min() > 0
    assert (used.weights - ignored.weights).abs().min() > 0


def permuted(spec: MLPSpec, layer: int, order: list[int]) -> tuple[Tensor, Tensor]:
    """Where each weight and each biased neuron goes when neuron n of `layer` becomes neuron order[n]."""

    def moved(at: int, n: int) -> int:
        return order[n] if at == layer else n

    weights = list_weights(spec)
    place = {weight: n for n, weight in enumerate(weights)}
    to = [place[w._replace(i=moved(w.source_layer, w.i), j=moved(w.target_layer, w.j))] for w in weights]
    neurons = [(at, n) for at, size in enumerate(spec.sizes) if at for n in range(size)]
    return torch.tensor(to), torch.tensor([neurons.index((at, moved(at, n))) for at, n in neurons])


SKIPPING = MLPSpec((4, 6, 5, 2), skips=((0, 2), (1, 3)))


def generate_permuted(layer: int, encoder: bool) -> tuple[list[Tensor], list[Tensor]]:
    """What a network with permuted neurons gets, put back in order, and what the network gets."""
    order = torch.randperm(SKIPPING.sizes[layer], generator=torch.Generator().manual_seed(7)).tolist()
    assert order != sorted(order)
    to, neurons_to = permuted(SKIPPING, layer, order)
    graph = ComputationGraph.of(SKIPPING)
    shared, learned, draws = random_inputs(3, 2, graph.weights)
    back = to.argsort()
    moved = generate(graph, shared, learned[..., back], draws[..., back], encoder=encoder)
    still = generate(graph, shared, learned, draws, encoder=encoder)
    return [moved.weights[:, to], moved.biases[:, neurons_to], moved.kl[:, to]], list(still)


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("layer", [1, 2])
def test_hidden_neurons_are_interchangeable(layer: int, encoder: bool) -> None:
    """But for their noise and their learned variables, which are permuted with them."""
    for moved, still in zip(*generate_permuted(layer, encoder), strict=True):
        torch.testing.assert_close(moved, still, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [0, 3])
def test_inputs_and_outputs_are_not_interchangeable(layer: int) -> None:
    moved, still = generate_permuted(layer, encoder=True)
    assert not torch.allclose(moved[0], still[0], rtol=1e-2)


def test_hyperweights_of_the_paper() -> None:
    spec = MLPSpec((16, 48, 1))
    assert hyperweight_count(ComputationGraph.of(spec).weights) == 29_578
    generator = Generator.initial([spec], [stream(0), stream(1)])
    assert sum(parameter.numel() for parameter in generator.parameters()) == 2 * 651_926


# The generator


def test_an_untrained_generator_starts_at_its_initial_scale_of_noise() -> None:
    """log sigma is -2.5 for both sides of the first channel at every beta that leaves the hyperweights alone."""
    generator = Generator.initial([MLPSpec((3, 4, 1))], [stream(0)])
    torch.nn.init.zeros_(generator.pareto.weight3)
    hyperweights = generator.pareto(torch.tensor([1e-3]))
    raw = hyperweights[0, 54:58]  # the last LATENT biases of the first hyperlayer
    torch.testing.assert_close(5 * torch.tanh(raw / 5), torch.full((LATENT,), -2.5))


def test_members_draw_from_their_own_streams() -> None:
    generator = Generator.initial([MLPSpec((3, 4, 1))], [stream(0), stream(1)])
    together = generator.draw([stream("a"), stream("b")])
    assert together.shape == (2, HYPERDEPTH, DRAWS, 16)
    assert torch.equal(together[1:], generator.member(1).draw([stream("b")]))
    assert not torch.equal(together[0], together[1])


def test_a_part_of_a_generator_is_that_generator() -> None:
    spec = MLPSpec((3, 4, 1), masks=(Connection(0, 1, ("111", "010", "101", "110")),))
    whole = Generator.initial([spec], [stream(n) for n in range(3)])
    beta, draws = torch.tensor([1e-9, 1e-5, 1e-1]), whole.draw([stream("draw", n) for n in range(3)])
    parts = [whole.member(n) for n in range(3)]
    joined = Generator.join(parts)
    for name, tensor in whole.pareto.state_dict().items():
        assert torch.equal(joined.pareto.state_dict()[name], tensor)
    (together,), kl = joined(beta, draws)
    for n, part in enumerate(parts):
        (alone,), kl_alone = part(beta[n : n + 1], draws[n : n + 1])
        torch.testing.assert_close(kl[n : n + 1], kl_alone)
        for one, other in zip(together[n : n + 1].weights, alone.weights, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
