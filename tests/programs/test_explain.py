"""`hypergraph explain`: planted programs are found again, random networks have none, renderings agree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sympy
import torch
from matplotlib.mathtext import MathTextParser
from processes import Command
from sources import run_source
from strategies import rng
from torch import Tensor

import hypergraph as hg
from hypergraph.errors import SpecError, UsageError
from hypergraph.extensions.options import recorded_options, task_metadata
from hypergraph.extensions.registry import TASKS
from hypergraph.programs.bits import program_bits, raw_bits
from hypergraph.programs.explain import Explanation, Samples, explain
from hypergraph.programs.graph import Graph
from hypergraph.programs.program import Program
from hypergraph.programs.quadratic import Quadratic, all_terms
from hypergraph.programs.redraw import redraw
from hypergraph.programs.render import python, text
from hypergraph.programs.sizes import resize
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import random_networks
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.closed_forms import convexity, double_sided, pudding
from hypergraph_multiplication.closed_forms import four_neurons
from hypergraph_parity.task import Parity

pytestmark = pytest.mark.slow
SMALL = MLPSpec((8, 24, 1))


def noisy(network: MLPWeights, seed: int, noise: float = 0.02) -> MLPWeights:
    """A network of one hidden layer with noise on every weight, its hidden neurons in another order."""
    draw = rng(seed)

    def disturb(tensor: Tensor) -> Tensor:
        return tensor + noise * tensor.abs().max() * torch.randn(tensor.shape, generator=draw)

    order = torch.randperm(network.spec.sizes[1], generator=draw)
    first, second = map(disturb, network.weights)
    hidden, last = network.biases
    return MLPWeights(network.spec, (first[order], second[:, order]), (hidden[order], last))


@pytest.fixture(scope="module")
def explained() -> Explanation:
    return explain(double_sided(SMALL), "l1norm")


def test_a_planted_program_is_found(explained: Explanation) -> None:
    assert explained.kind == "is built as"
    assert explained.numbers == 3
    assert explained.r2 is not None
    assert explained.r2 > 0.99
    assert explained.text.count("Σᵢ swish") == 2
    assert explained.roles is not None
    assert sorted(map(str, explained.roles[0])) == ["0"] * 8 + ["1"] * 8 + ["constant"] * 8


def test_roles_have_words(explained: Explanation) -> None:
    first, second, rest = explained.groups
    assert {first.label[:4], second.label[:4]} == {"8 × "}
    assert "swish" in first.label
    assert rest.label == "8 × nearly constant"
    assert rest.minor
    assert sorted(n for group in explained.groups for _, n in group.neurons) == list(range(24))


def test_noise_and_the_order_of_neurons_do_not_change_the_program(explained: Explanation) -> None:
    again = explain(noisy(double_sided(SMALL), 1), "l1norm")
    assert again.numbers == explained.numbers
    assert again.text.count("Σᵢ swish") == 2


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_is_told_apart_from_the_neurons_that_bend(sign: int) -> None:
    found = explain(noisy(pudding(SMALL, sign), 2, 0.01), "l1norm")  # type: ignore[arg-type]
    assert found.roles is not None
    assert found.roles[0].count("line") == 16
    assert found.text.count("Σᵢ swish") == 1
    assert found.text.count("Σᵢ xᵢ") == 1


@pytest.mark.slow
def test_skips_and_several_layers() -> None:
    spec = MLPSpec((4, 12, 6, 1), skips=((0, 2), (1, 3)))
    sizes = [(12, 4, -0.43), (6, 4, -1.2), (6, 12, -0.7), (1, 12, 0.0), (1, 6, 6.8)]  # by target, then source
    weights = tuple(
        size * (1 + 0.01 * torch.randn(rows, columns, generator=rng(rows))) for rows, columns, size in sizes
    )
    biases = (torch.full((12,), -0.49), torch.full((6,), -1.6), torch.full((1,), 6.1))
    found = explain(MLPWeights(spec, weights, biases), "parity")
    assert found.numbers is not None
    assert found.numbers <= 7
    assert found.text.count("Σᵢ xᵢ") == 2
    assert found.text.count("swish") == 2


@pytest.mark.slow
def test_random_networks_have_no_short_program() -> None:
    spec = MLPSpec((6, 10, 1))
    fresh = MLPWeights(
        spec,
        (torch.randn(10, 6, generator=rng(0)), torch.randn(1, 10, generator=rng(1))),
        (torch.zeros(10), torch.zeros(1)),
    )
    for network in (fresh, convexity(spec, rng(2))):
        found = explain(network)
        assert not found.short
        assert found.record()["program"] is None
        with pytest.raises(UsageError, match="no short program"):
            _ = found.text
        assert found.raw_bits > 100


def test_shuffled_weights_have_no_short_program() -> None:
    draw = rng(5)
    network = double_sided(SMALL).map(
        lambda tensor: tensor.flatten()[torch.randperm(tensor.numel(), generator=draw)].reshape(tensor.shape)
    )
    assert not explain(network, "l1norm").short


def test_what_is_computed_is_told_apart_from_what_is_built() -> None:
    found = explain(four_neurons(MLPSpec((4, 12, 1))), "multiplication")
    assert found.kind == "computes"
    assert found.text == "y = 0.7·(x0·x1 + x2·x3)"
    inputs = torch.randn(50, 4, generator=rng(6), dtype=torch.float64)
    torch.testing.assert_close(run_source(found.python, inputs), found.network(inputs), rtol=0, atol=1e-5)
    with pytest.raises(SpecError, match="one size"):
        resize(found, MLPSpec((8, 24, 1)), TASKS.load("multiplication"))


def test_squares_are_written_as_squares() -> None:
    terms = all_terms(3)
    squares = torch.tensor([[int(len(term) == 2 and term[0] == term[1]) for term in terms]])
    found = Quadratic(terms, squares, torch.tensor([0.5], dtype=torch.float64), 3, digits=1).expression()
    assert text(found) == "y = 0.5·Σᵢ xᵢ²"
    inputs = torch.randn(5, 3, generator=rng(9), dtype=torch.float64)
    torch.testing.assert_close(run_source(python(found), inputs), 0.5 * inputs.square().sum(1, keepdim=True))


def test_shorter_programs_have_fewer_bits() -> None:
    references = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    program = Program(
        ("silu",),
        {(0, 1): references, (1, 2): torch.tensor([[2, 2, 2]])},
        [torch.zeros(3, dtype=torch.long), torch.tensor([3])],
        [torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long), torch.zeros(1, dtype=torch.long)],
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        digits=2,
    )
    bits = program_bits(program)
    assert program_bits(replace(program, digits=1)) < bits
    assert program_bits(program.rewritten({3: 0}, program.numbers)) < bits
    assert program_bits(program.rewritten({3: 2}, program.numbers)) < bits
    other = references[[0, 0, 2]]  # no neuron for one input, and two for another
    assert program_bits(replace(program, weights={**program.weights, (0, 1): other})) > bits


def test_raw_bits_grow_with_fidelity() -> None:
    graph, inputs = Graph.of(convexity(SMALL, rng(7))), torch.randn(200, 8, generator=rng(8), dtype=torch.float64)
    bits = [raw_bits(graph, inputs, least) for least in (0.9, 0.99, 0.999)]
    assert bits == sorted(bits)
    assert bits[0] < bits[-1]


def test_the_renderings_agree_with_the_network(explained: Explanation) -> None:
    inputs = torch.randn(50, 8, generator=rng(3), dtype=torch.float64)
    outputs = explained.network(inputs)
    torch.testing.assert_close(run_source(explained.python, inputs), outputs, rtol=0, atol=1e-5)
    (expression,) = explained.expression.outputs
    x = sympy.IndexedBase("x")
    written = expression.doit().subs({x[n]: float(value) for n, value in enumerate(inputs[0])})
    written = written.replace(sympy.Function("silu"), lambda z: z / (1 + sympy.exp(-z)))
    assert float(written) == pytest.approx(float(outputs[0]), abs=1e-5)


@pytest.mark.parametrize("task", ["l1norm", "multiplication"])
def test_latex_is_read_as_mathematics(explained: Explanation, task: str) -> None:
    found = explained if task == "l1norm" else explain(four_neurons(MLPSpec((4, 12, 1))), task)
    assert MathTextParser("path").parse(f"${found.latex}$").width > 0


def test_weights_at_random_would_do_as_well_as_those_of_a_random_network() -> None:
    network = random_networks(SMALL, 1, seed=4)[0]
    found = explain(network, "l1norm")
    assert not found.short
    assert found.redrawn is not None
    assert found.loss_before is not None
    assert abs(found.redrawn.loss - found.loss_before) < 4 * found.redrawn.deviation
    assert found.redrawn.as_good
    assert "would do as well" in found.summary


def test_weights_at_random_do_not_replace_those_that_solve_the_task() -> None:
    network, samples = double_sided(SMALL), Samples.draw(SMALL, TASKS.load("l1norm"), 1000, "fresh")
    assert samples.losses is not None
    assert samples.loss is not None
    found = redraw(network, samples.inputs, samples.losses, samples.loss(network.map(Tensor.double)(samples.inputs)))
    assert not found.as_good


def test_a_program_for_another_size(explained: Explanation) -> None:
    spec = MLPSpec((16, 40, 1))
    larger = resize(explained, spec, TASKS.load("l1norm"))
    assert larger.network.spec.sizes == spec.sizes
    assert larger.loss_after is not None
    assert larger.loss_after < 0.05
    with pytest.raises(SpecError, match="no room"):
        resize(explained, MLPSpec((16, 24, 1)), TASKS.load("l1norm"))


def test_the_command(command: Command, tmp_path: Path) -> None:
    file, out = tmp_path / "network.safetensors", tmp_path / "program.safetensors"
    double_sided(SMALL).save(file, {"task": "l1norm"})
    status, printed, _ = command("explain", file, "--json", "--out", out, "--draw", tmp_path / "network.svg")
    assert status == 0
    assert (tmp_path / "network.svg").read_bytes().startswith(b"<?xml")
    (row,) = json.loads(printed)
    assert list(row) == [
        *("file", "short", "kind", "program", "numbers", "bits", "raw_bits", "r2", "r2_shifted"),
        *("loss_before", "loss_after", "roles", "reproduced", "redrawn"),
    ]
    assert set(row["program"]) == {"text", "latex", "python"}
    assert row["bits"] < row["raw_bits"] / 4
    inputs = torch.randn(50, 8, generator=rng(4), dtype=torch.float64)
    network, metadata = MLPWeights.load(out)
    torch.testing.assert_close(run_source(row["program"]["python"], inputs), network(inputs), rtol=0, atol=1e-5)
    assert metadata["task"] == "l1norm"
    assert hg.classify(out).algorithm == "double-sided"


@pytest.mark.slow
def test_the_command_with_another_size_and_what_it_refuses(command: Command, tmp_path: Path) -> None:
    file, plain, out = (tmp_path / f"{name}.safetensors" for name in ("network", "plain", "larger"))
    double_sided(SMALL).save(file, {"task": "l1norm"})
    double_sided(SMALL).save(plain)
    status, printed, _ = command("explain", file, "--layers", "10,30,1", "--out", out)
    assert status == 0
    assert "is built as" in printed
    assert MLPWeights.load(out)[0].spec.sizes == (10, 30, 1)
    for words, said in {
        (file, file, "--out", out): "one network at a time",
        (plain, "--layers", "10,30,1"): "--task",
        (plain, "--set", "y=x0"): "--task",
        (plain, "--task", "table"): "needs the options file and target",
        (file, "--layers", "10,12,1"): "no room",
        (file, "--layers", "10,30,30,1"): "other layers",
    }.items():
        status, _, errors = command("explain", *words)
        assert status == 2
        assert said in errors
        assert errors.count("\n") == 1


def test_a_file_says_its_task_with_its_options(command: Command, tmp_path: Path) -> None:
    said, plain, out = (tmp_path / f"{name}.safetensors" for name in ("said", "plain", "out"))
    network, options = double_sided(SMALL), {"y": "abs(x0)+abs(x1)+abs(x2)+abs(x3)+abs(x4)+abs(x5)+abs(x6)+abs(x7)"}
    network.save(said, task_metadata("formula", options))
    network.save(plain)
    rows = []
    for words in ((said, "--out", out), (plain, "--task", "formula", "--set", f"y={options['y']}")):
        status, printed, _ = command("explain", *words, "--json")
        assert status == 0
        (row,) = json.loads(printed)
        rows.append({name: value for name, value in row.items() if name != "file"})
    assert rows[0] == rows[1]
    assert rows[0]["loss_before"] < 0.1
    assert recorded_options(MLPWeights.load(out)[1]) == options
    network.save(said, {"task": "formula", "options": "[1"})
    status, _, errors = command("explain", said)
    assert status == 2
    assert errors.count("\n") == 1
    assert "are not JSON" in errors


def test_the_losses_of_several_networks_are_those_of_each() -> None:
    samples, outputs = Samples.draw(MLPSpec((3, 4, 1)), Parity(), 20, "test"), torch.randn(2, 20, 1, generator=rng(0))
    assert samples.losses is not None
    torch.testing.assert_close(samples.losses(outputs), torch.stack([samples.losses(one) for one in outputs]))


def test_roles_are_numbered_anew_where_one_has_no_neuron_left() -> None:
    weights = {(0, 1): torch.tensor([[0, 0], [1, 0], [0, 1]]), (1, 2): torch.tensor([[2, 2, 2]])}
    roles = [torch.tensor([0, 0]), torch.tensor([0, 1, 1]), torch.tensor([0])]
    biases = [torch.zeros(3, dtype=torch.long), torch.zeros(1, dtype=torch.long)]
    numbers = torch.tensor([1.5, 2.5], dtype=torch.float64)
    program, (kept,) = Program(("silu",), weights, biases, roles, numbers, 2).without_idle()
    assert kept.tolist() == [False, True, True]
    assert program.roles[1].tolist() == [0, 0]
