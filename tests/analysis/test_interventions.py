"""Interventions: an error is put down to the input that it comes from; learned variables are dealt anew, no others."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hypergraph.analysis.interventions import ablate_strongest, error_by_input, shuffle_learned
from hypergraph.analysis.measure import generate
from hypergraph.model.dimensions import HYPERDEPTH, LEARNED
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS
from hypergraph.rng import stream
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.closed_forms import double_sided, pudding
from hypergraph_l1norm.task import L1Norm, moments

BATCH = 20_000
WIDE = MLPSpec((16, 48, 1), "relu")


def without(network: MLPWeights, *inputs: int) -> MLPWeights:
    """The network with some inputs cut off."""
    first = network.weights[0].clone()
    first[:, list(inputs)] = 0
    return MLPWeights(network.spec, (first, *network.weights[1:]), network.biases)


@pytest.mark.parametrize("lost", [(0,), (5,), (1, 4)])
def test_an_error_is_put_down_to_the_inputs_that_a_network_lacks(lost: tuple[int, ...]) -> None:
    spec = MLPSpec((6, 12, 1), "relu")
    inputs, targets = L1Norm().sample(spec, BATCH, stream(0))
    found = error_by_input(without(double_sided(spec), *lost), inputs, targets)
    share = 1 / spec.sizes[0]  # of the variance of the norm, which is 1, in each |x|
    expected = torch.zeros(spec.sizes[0])
    expected[list(lost)] = share
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.01 * share)
    assert error_by_input(double_sided(spec), inputs, targets).max() < 1e-9


def test_what_no_input_explains_alone_is_put_down_to_none() -> None:
    """A constant is no input's doing, nor is a product of two inputs."""
    spec = MLPSpec((3, 1), bias=True)
    nothing = MLPWeights(spec, (torch.zeros(1, 3),), (torch.full((1,), 7.0),))
    inputs = torch.randn(BATCH, 3, generator=stream(0))
    product = inputs[:, :1] * inputs[:, 1:2]
    assert product.square().mean() > 0.9
    assert error_by_input(nothing, inputs, product).max() < 0.01


def test_errors_of_several_outputs_add_up() -> None:
    inputs = torch.randn(BATCH, 2, generator=stream(0))
    nothing = MLPWeights(MLPSpec((2, 2), bias=False), (torch.zeros(2, 2),), ())
    together = error_by_input(nothing, inputs, inputs * torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(together, torch.tensor([1.0, 4.0]), rtol=0.05, atol=0.0)


HALF = (1 / 2 - 1 / (2 * math.pi)) / moments(16)[1] ** 2
"""The variance of ReLU(x), in units of the loss."""


@pytest.mark.parametrize(
    ("network", "expected"),
    [(double_sided(WIDE), HALF), (pudding(WIDE, 1), 4 * HALF), (pudding(WIDE, -1), 4 * HALF)],
    ids=["double-sided", "positive pudding", "negative pudding"],
)
def test_without_its_strongest_weight_only_the_error_of_that_input_grows(network: MLPWeights, expected: float) -> None:
    before = network.map(Tensor.clone)
    growth = ablate_strongest(network, L1Norm(), stream(0), BATCH // 2)
    own, others = growth.diagonal(), growth[~torch.eye(16, dtype=torch.bool)]
    torch.testing.assert_close(own, torch.full((16,), expected), rtol=0.1, atol=0.0)
    assert others.abs().max() < 0.01 * expected
    assert all(torch.equal(*pair) for pair in zip(before.weights, network.weights, strict=True))


def test_the_strongest_weight_may_be_negative() -> None:
    """And an input that two neurons share keeps half of its error."""
    first = torch.tensor([[-3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    network = MLPWeights(MLPSpec((2, 3, 1), "relu", bias=False), (first, torch.ones(1, 3)), ())
    growth = ablate_strongest(network, Ramps(), stream(0), BATCH)
    variance = 1 / 2 - 1 / (2 * math.pi)
    torch.testing.assert_close(growth, torch.diag(torch.tensor([9.0, 4.0])) * variance, rtol=0.1, atol=0.1)


class Ramps(L1Norm):
    """What the network of the test above computes."""

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(batch, 2, generator=rng)
        return inputs, (3 * (-inputs[:, :1]).relu() + 3 * inputs[:, 1:].relu())


MASKED = MLPSpec((3, 4, 2), skips=((0, 2),), masks=(Connection(0, 1, ("101", "111", "010", "111")),))
SPECS = [[MLPSpec((4, 6, 1))], [MASKED], [MLPSpec((4, 6, 1)), MASKED]]


def initial(specs: list[MLPSpec]) -> Generator:
    return Generator.initial(specs, [stream(0, member) for member in range(2)])


def learned(generator: Generator) -> list[Tensor]:
    """Of every connection of every network, what makes each weight's learned variables: [member, weight, number]."""
    pareto = generator.pareto
    heads = torch.cat([pareto.weight3, pareto.bias3], 1).detach()
    parts = heads.unflatten(2, (2, -1))[..., SHARED_HYPERWEIGHTS:]  # of a and of b
    by_weight = parts.unflatten(3, (HYPERDEPTH * LEARNED, -1)).flatten(1, 3).mT
    counts = [spec.count(connection) for spec in generator.specs for connection in spec.connections]
    return list(by_weight.split(counts, 1))


@pytest.mark.parametrize("specs", SPECS, ids=lambda specs: " and ".join(map(str, specs)))
def test_learned_variables_are_dealt_anew_among_the_weights_of_each_connection(specs: list[MLPSpec]) -> None:
    """A weight gets all learned variables of another weight of its connection, the same one's in every member."""
    generator = initial(specs)
    dealt = shuffle_learned(generator, stream(7))
    moved = weights = 0
    for before, after in zip(learned(generator), learned(dealt), strict=True):
        origins = {tuple(origin(*member)) for member in zip(before.tolist(), after.tolist(), strict=True)}
        assert len(origins) == 1
        (places,) = origins
        assert sorted(places) == list(range(before.shape[1]))
        moved += sum(old != new for new, old in enumerate(places))
        weights += len(places)
    assert moved > weights / 2


def origin(before: list[list[float]], after: list[list[float]]) -> list[int]:
    """Which weight had before what each weight has now."""
    return [before.index(numbers) for numbers in after]


@pytest.mark.parametrize("specs", SPECS, ids=lambda specs: " and ".join(map(str, specs)))
def test_what_all_networks_share_stays_as_it_is(specs: list[MLPSpec]) -> None:
    generator = initial(specs)
    before = {name: tensor.clone() for name, tensor in generator.pareto.state_dict().items()}
    dealt = shuffle_learned(generator, stream(7))
    for beta in (1e-9, 1.0):
        shared = [each.pareto(torch.full((2,), beta), SHARED_HYPERWEIGHTS).clone() for each in (generator, dealt)]
        assert torch.equal(*shared)
        for spec in specs:
            alone, after = (
                generate(g, beta, seed=1, members=[0, 1], spec=spec, encoder=False) for g in (generator, dealt)
            )
            assert all(torch.equal(*pair) for pair in zip(alone.networks.weights, after.networks.weights, strict=True))
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.pareto.state_dict().items())


@pytest.mark.parametrize("specs", SPECS, ids=lambda specs: " and ".join(map(str, specs)))
def test_networks_made_with_the_encoder_change(specs: list[MLPSpec]) -> None:
    generator = initial(specs)
    dealt = shuffle_learned(generator, stream(7))
    draws = generator.draw([stream(1), stream(2)])
    made = [each(torch.full((2,), 1e-9), draws) for each in (generator, dealt)]
    for before, after in zip(made[0].networks, made[1].networks, strict=True):
        for one, other in zip(before.weights, after.weights, strict=True):
            assert not torch.allclose(one, other)
    again = shuffle_learned(generator, stream(7)).pareto.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in dealt.pareto.state_dict().items())
    other = shuffle_learned(generator, stream(8)).pareto.weight3
    assert not torch.equal(other, dealt.pareto.weight3)
