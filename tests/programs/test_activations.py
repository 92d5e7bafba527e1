"""Programs of networks whose layers have different activations, and what an activation leaves open."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from sources import run_source
from strategies import rng
from torch import Tensor

from hypergraph.programs import complete, search
from hypergraph.programs.canonical import canonical
from hypergraph.programs.explain import explain
from hypergraph.programs.expression import expression
from hypergraph.programs.graph import Graph, fidelity
from hypergraph.programs.judge import Judge
from hypergraph.programs.program import Program
from hypergraph.programs.quadratic import Quadratic, all_terms
from hypergraph.programs.realise import realise
from hypergraph.programs.render import python, text
from hypergraph.programs.symmetric import _template, find_symmetric
from hypergraph.spec import ACTIVATIONS, MLPSpec
from hypergraph.testing.networks import random_networks
from hypergraph.weights import MLPWeights


def random_network(spec: MLPSpec, seed: int) -> MLPWeights:
    return random_networks(spec, 1, seed)[0].map(Tensor.double)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_canonical_form_computes_the_same(name: str) -> None:
    spec = MLPSpec((3, 5, 4, 2), (name, "tanh"), skips=((0, 2), (1, 3)))  # type: ignore[arg-type]
    graph, inputs = Graph.of(random_network(spec, 0)), torch.randn(20, 3, generator=rng(1), dtype=torch.float64)
    torch.testing.assert_close(canonical(graph)(inputs), graph(inputs))


@pytest.mark.parametrize(
    ("name", "read", "sent"), [("tanh", -1, -1), ("square", -1, 1), ("square", 2, 0.25), ("relu", 3, 1 / 3)]
)
def test_what_an_activation_leaves_open_does_not_change_the_canonical_form(name: str, read: float, sent: float) -> None:
    network = random_network(MLPSpec((3, 5, 1), name), 2)  # type: ignore[arg-type]
    (first, second), (hidden, last) = network.weights, network.biases
    changed = MLPWeights(network.spec, (read * first, sent * second), (read * hidden, last))
    one, other = canonical(Graph.of(network)), canonical(Graph.of(changed))
    for pair, weight in one.weights.items():
        torch.testing.assert_close(weight, other.weights[pair])


def both_signs(inputs: int) -> MLPWeights:
    """(Σ|x|)² by relu and squares, half of which read negative sums."""
    spec = MLPSpec((inputs, 2 * inputs, 4, 1), activation=("relu", "square"))
    signs = torch.tensor([1.0, -1, 1, -1])
    weights = torch.cat([torch.eye(inputs), -torch.eye(inputs)]), signs[:, None].expand(4, 2 * inputs), torch.ones(1, 4)
    biases = torch.zeros(2 * inputs), torch.zeros(4), torch.zeros(1)
    draw = rng(3)
    return MLPWeights(spec, weights, biases).map(lambda t: t + 0.01 * torch.randn(t.shape, generator=draw))


@pytest.mark.slow
def test_each_layer_has_its_own_activation() -> None:
    found = explain(both_signs(6))
    assert found.kind == "is built as"
    assert found.text.count("Σᵢ relu") == 2
    assert found.text.count("²") == 1
    inputs = torch.randn(50, 6, generator=rng(4), dtype=torch.float64)
    torch.testing.assert_close(run_source(found.python, inputs), found.network(inputs))


def test_a_layer_of_identities_is_no_part_of_the_program() -> None:
    spec = MLPSpec((6, 6, 5, 1), activation=("square", "identity"))
    middle, last = torch.randn(5, 1, generator=rng(5)), torch.randn(1, 5, generator=rng(6))
    weights = torch.eye(6), middle.expand(5, 6), last
    network = MLPWeights(spec, weights, (torch.zeros(6), torch.zeros(5), torch.zeros(1)))
    found = explain(network)
    assert found.roles is not None
    assert found.roles[1] == ["line"] * 5
    assert found.text.endswith("·Σᵢ xᵢ²")
    inputs = torch.randn(50, 6, generator=rng(7), dtype=torch.float64)
    torch.testing.assert_close(run_source(found.python, inputs), found.network(inputs))


def test_squares_go_where_an_activation_squares() -> None:
    terms = all_terms(3)
    references = torch.tensor([[int(len(term) == 2 and term[0] != term[1]) + int(term == (1,)) for term in terms]])
    form = Quadratic(terms, references, torch.tensor([0.5], dtype=torch.float64), 3)
    inputs = torch.randn(50, 3, generator=rng(8), dtype=torch.float64)
    for activation in (("relu", "square"), ("square", "relu"), ("silu", "silu")):
        spec = MLPSpec((3, 4, 4, 1), activation)
        network = realise(form.graph(spec), spec)
        torch.testing.assert_close(network(inputs), form(inputs), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_deep_networks_take_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer nearly takes each source once, so that completing one role may leave another incomplete."""
    counts = {"refold": 0, "fit": 0}

    def count(module: ModuleType, name: str) -> None:
        function = getattr(module, name)

        def counted(*args: object) -> object:
            counts[name] += 1
            return function(*args)

        monkeypatch.setattr(module, name, counted)

    count(complete, "refold")
    count(search, "fit")
    spec = MLPSpec((6, 6, 6, 6, 1))
    draw, size = rng(9), torch.tensor([3.0, 3, 3, 3, 3, 0.3])
    weights = *(torch.diag(size) for _ in range(3)), torch.ones(1, 6)
    network = MLPWeights(spec, weights, tuple(torch.zeros(n) for n in spec.sizes[1:]))
    explain(network.map(lambda t: t + 0.05 * torch.randn(t.shape, generator=draw)))
    settings = 2 * len(search.BUDGETS) * len(search.ROLES) * len(search.LEVELS)
    assert counts["refold"] <= settings * 6
    assert counts["fit"] <= 2 * search.FITS + 1


def template(shape: tuple[int, ...], inputs: int) -> Program:
    return _template(Graph.of(random_network(MLPSpec((inputs, 4, 1)), 0)), shape)


@pytest.mark.slow
def test_a_symmetric_function_is_written_as_one() -> None:
    empty, inputs = template((1,), 3), torch.randn(600, 3, generator=rng(11), dtype=torch.float64)
    numbers = torch.tensor([3, -0.5, 1, 0.7, 0.3, 0.2], dtype=torch.float64)
    graph = replace(empty, numbers=numbers).graph()
    found = find_symmetric(graph, inputs[:300], Judge(inputs[300:], graph, graph(inputs[300:]), None))
    assert found is not None
    fresh = torch.randn(200, 3, generator=rng(12), dtype=torch.float64)
    assert fidelity(graph(fresh), found.graph()(fresh)) > 0.97


def test_a_function_that_tells_inputs_apart_is_not_written_as_symmetric() -> None:
    graph, inputs = Graph.of(random_network(MLPSpec((3, 8, 1)), 13)), torch.randn(600, 3, dtype=torch.float64)
    assert find_symmetric(graph, inputs, Judge(inputs, graph, graph(inputs), None)) is None


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1)])
def test_symmetric_programs_are_written_without_naming_inputs(shape: tuple[int, ...]) -> None:
    empty, inputs = template(shape, 6), torch.randn(50, 6, generator=rng(14), dtype=torch.float64)
    program = replace(empty, numbers=torch.arange(1, len(empty.numbers) + 1, dtype=torch.float64) / 8)
    written = expression(program)
    assert text(written).count("Σᵢ swish") == {(1,): 1, (2,): 2, (1, 1): 3}[shape]
    assert "x0" not in text(written)
    torch.testing.assert_close(run_source(python(written), inputs), program.graph()(inputs))
