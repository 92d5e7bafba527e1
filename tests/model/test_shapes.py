"""Every function of the model takes and gives the shapes that its docstring names (jaxtyping and beartype check)."""

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, Int, TypeCheckError, jaxtyped
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.attention import attention, uniform_attention
from hypergraph.model.channel import channel
from hypergraph.model.encodings import positional_encodings, sinusoids
from hypergraph.model.generator import Generator
from hypergraph.model.hyperlayer import blocks, first_hyperlayer
from hypergraph.model.hypernetwork import hypernetwork
from hypergraph.model.initial import initial_hyperweights
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.rng import stream
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import MLPWeights

PerMember = Float[Tensor, " member"]
PerWeight = Float[Tensor, "member weight"]
PerNeuron = Float[Tensor, "member neuron"]
PerSpec = Float[Tensor, "member spec"]
Hyperweights = Float[Tensor, "member hyperweight"]
FlatHyperweights = Float[Tensor, " hyperweight"]
Draws = Float[Tensor, "member 4 14 weight"]
LayerDraws = Float[Tensor, "member 14 weight"]
Encodings = Float[Tensor, "30 weight"]
Projections = Float[Tensor, "member 30 side weight"]
Attended = Float[Tensor, "member 10 side weight"]
SameProjections = Float[Tensor, "member 30 1"]
Bias = Float[Tensor, "member 58 1"]
AttendedOnce = Float[Tensor, "member 10 weight"]
Fed = Float[Tensor, "member 58 side weight"]
Computed = Float[Tensor, "member 39 side weight"]
Distributions = Float[Tensor, "member 8 side weight"]
Latents = Float[Tensor, "member 4 weight"]
Positions = Int[Tensor, "*position"]
Sinusoids = Float[Tensor, "10 *position"]
Matrix = Float[Tensor, "member target source"]
Inputs = Float[Tensor, "batch input"]
Outputs = Float[Tensor, "member batch output"]

checked = jaxtyped(typechecker=beartype)


@checked
def attend(projections: Projections, graph: ComputationGraph) -> Attended:
    return attention(projections, graph)


@checked
def attend_uniformly(projections: SameProjections, graph: ComputationGraph) -> AttendedOnce:
    return uniform_attention(projections, graph)


@checked
def run_first_hyperlayer(bias: Bias, draws: LayerDraws, graph: ComputationGraph, sides: int) -> Computed:
    return first_hyperlayer(bias, draws, graph, sides)


@checked
def run_blocks(preactivations: Fed, draws: LayerDraws, graph: ComputationGraph) -> tuple[Computed, PerWeight]:
    return blocks(preactivations, draws, graph)


@checked
def pass_channel(distributions: Distributions, epsilon: Latents, encoder: bool) -> tuple[Latents, PerWeight]:
    return channel(distributions, epsilon, encoder)


@checked
def wave(position: Positions) -> Sinusoids:
    return sinusoids(position)


@checked
def generate_flat(
    hyperweights: Hyperweights, draws: Draws, encodings: Encodings, graph: ComputationGraph, encoder: bool
) -> tuple[PerWeight, PerNeuron, PerWeight]:
    weights, biases, kl = hypernetwork(hyperweights, draws, encodings, graph, encoder)
    return weights, biases, kl


@checked
def start(graph: ComputationGraph, rng: torch.Generator) -> tuple[FlatHyperweights, FlatHyperweights]:
    return initial_hyperweights(graph, rng)


@checked
def price(pareto: ParetoHyperhypernetwork, beta: PerMember) -> Hyperweights:
    hyperweights: Tensor = pareto(beta)
    return hyperweights


@checked
def generate(
    generator: Generator, beta: PerMember, draws: Draws, encoder: bool
) -> tuple[tuple[Matrix, ...], tuple[PerNeuron, ...], PerSpec]:
    (network,), kl = generator(beta, draws, encoder=encoder)
    return network.weights[:1], network.biases[:1], kl  # each layer has its own sizes: test_shapes compares them all


@checked
def run(network: MLPWeights, inputs: Inputs) -> Outputs:
    return network(inputs)


SPECS = [
    MLPSpec((1, 1)),
    MLPSpec((3, 5, 2)),
    MLPSpec((3, 5, 2), skips=((0, 2),), masks=(Connection(0, 1, ("100", "111", "000", "010", "011")),)),
]
NUMBERS = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("spec", SPECS, ids=["smallest", "two layers", "skip and mask"])
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("encoder", [True, False])
def test_shapes(spec: MLPSpec, members: int, encoder: bool) -> None:
    graph = ComputationGraph.of(spec)
    weights, sides = spec.weight_count, 1 + encoder
    fed = torch.randn(members, 58, sides, weights, generator=NUMBERS)
    layer_draws = torch.randn(members, 14, weights, generator=NUMBERS)
    attend(fed[:, 20:50], graph)
    attend_uniformly(fed[:, 20:50, 0, :1], graph)
    assert run_first_hyperlayer(fed[:, :, 0, :1], layer_draws, graph, sides).shape[2:] == (sides, weights)
    pass_channel(fed[:, 50:], layer_draws[:, 10:], encoder)
    run_blocks(fed, layer_draws, graph)

    rngs = [stream(n) for n in range(members)]
    values, scales = start(graph, rngs[0])
    assert values.shape == scales.shape
    generator = Generator.initial([spec], rngs)
    beta = torch.full((members,), 1e-3)
    draws = generator.draw(rngs)
    generate_flat(price(generator.pareto, beta), draws, positional_encodings(graph).float(), graph, encoder)
    generate(generator, beta, draws, encoder)

    (network,), _ = generator(beta, draws, encoder=encoder)
    assert [tuple(w.shape[1:]) for w in network.weights] == [
        (spec.sizes[c.target], spec.sizes[c.source]) for c in spec.connections
    ]
    assert [tuple(b.shape[1:]) for b in network.biases] == [(size,) for size in spec.sizes[1:]]
    assert network.lead == (members,)
    assert run(network, torch.ones(4, spec.sizes[0])).shape == (members, 4, spec.sizes[-1])


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3)])
def test_sinusoids(shape: tuple[int, ...]) -> None:
    wave(torch.zeros(shape, dtype=torch.int64))


def test_the_checks_would_notice() -> None:
    graph = ComputationGraph.of(MLPSpec((2, 1)))
    with pytest.raises(TypeCheckError):
        attend(torch.zeros(1, 29, 1, 2), graph)
    with pytest.raises(TypeCheckError):
        pass_channel(torch.zeros(2, 8, 2, 5), torch.zeros(2, 4, 6), True)
