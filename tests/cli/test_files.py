"""Files of strangers on the command line: what they hold reaches no terminal raw, and never passes for a fact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hypergraph.extensions.registry import CLASSIFIERS
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import PRECISIONS, MLPWeights

Command = Callable[..., tuple[int, str, str]]
SPEC = MLPSpec((4, 2, 1))
STEERING = "\x1b[2J\x1b]0;title\x07\u202e\x9b31m[red]"
"""Clears a terminal, names its window, turns text around; and what rich might take for a style."""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    ones = MLPWeights(SPEC, (torch.ones(2, 4), torch.ones(1, 2)), (torch.ones(2), torch.ones(1)))
    ones.save(
        tmp_path / "network.safetensors",
        {"task": f"{STEERING}/l1norm", STEERING: STEERING, "weights": "12", "sizes": "9"},
    )
    return tmp_path / "network.safetensors"


def test_metadata_reaches_no_terminal_raw(network: Path, tmp_path: Path, command: Command) -> None:
    generator = tmp_path / "generator.safetensors"
    Generator.initial([SPEC], [stream(0)]).save(generator, {STEERING: STEERING, "members": "99"})
    for words in (["inspect", network], ["inspect", generator], ["classify", network]):
        status, stdout, stderr = command(*words)
        assert (status, stderr) == (0, "")
        assert stdout.replace("\n", "").isprintable()
        assert words[0] == "classify" or "?[2J?]0;title???31m[red]" in stdout


def test_metadata_does_not_pass_for_facts(network: Path, tmp_path: Path, command: Command) -> None:
    facts = json.loads(command("inspect", network, "--json")[1])
    assert (facts["weights"], facts["sizes"], facts[STEERING]) == (10, "4,2,1", STEERING)
    generator = tmp_path / "generator.safetensors"
    Generator.initial([SPEC], [stream(0)]).save(generator, {"members": "99"})
    assert json.loads(command("inspect", generator, "--json")[1])["members"] == 1


def test_a_task_that_steers_is_told_in_one_printable_line(network: Path, command: Command) -> None:
    MLPWeights.load(network)[0].save(network, {"task": STEERING + "\nl1norm"})
    status, stdout, stderr = command("classify", network)
    assert (status, stdout, stderr.count("\n")) == (2, "", 1)
    assert stderr.strip().isprintable()


def test_a_plain_file_is_judged_drawn_and_described(tmp_path: Path, command: Command) -> None:
    """It says neither its task nor its activation."""
    file, picture = tmp_path / "plain.safetensors", tmp_path / "plain.svg"
    save_file(torch.nn.Sequential(torch.nn.Linear(4, 12), torch.nn.ReLU(), torch.nn.Linear(12, 1)).state_dict(), file)
    named = ("--activation", "relu", "--json")
    status, stdout, _ = command("classify", file, "--task", "l1norm", *named)
    assert (status, json.loads(stdout)[0]["file"]) == (0, str(file))
    facts = json.loads(command("inspect", file, *named)[1])
    assert (facts["sizes"], facts["activation"], facts["weights"]) == ("4,12,1", "relu", 60)
    assert command("draw", file, "--activation", "relu", "--layout", "layered", "--out", picture)[0] == 0
    save_file({f"fc{n}.weight": torch.ones(4, 4) for n in range(3)}, file)
    assert "relu, square\n" in command("inspect", file, "--activation", "relu,square")[1]
    for words in (("classify", file, "--task", "l1norm"), ("inspect", file), ("draw", file, "--out", picture)):
        refusal = f"error: {file} does not say its activation: name it with --activation\n"
        assert command(*words) == (1, "", refusal)


EXTREMES = [pytest.param(dtype, kind, id=f"{dtype} {kind}") for dtype in PRECISIONS for kind in ("max", "min", "tiny")]


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "kind"), EXTREMES)
def test_extreme_networks_of_every_precision_are_judged_and_drawn(
    dtype: torch.dtype, kind: str, tmp_path: Path, command: Command
) -> None:
    number = getattr(torch.finfo(dtype), kind)
    weights = torch.full((2, 4), number, dtype=dtype), torch.full((1, 2), number, dtype=dtype)
    biases = torch.full((2,), number, dtype=dtype), torch.full((1,), number, dtype=dtype)
    MLPWeights(SPEC, weights, biases).save(tmp_path / "network.safetensors")
    for task in CLASSIFIERS.names():
        status, _, stderr = command("classify", tmp_path / "network.safetensors", "--task", task)
        assert status in (0, 2), stderr
    words = ("draw", tmp_path / "network.safetensors", "--layout", "layered", "--out", tmp_path / "network.svg")
    assert command(*words)[0] == 0
    assert command("inspect", tmp_path / "network.safetensors", "--json")[0] == 0


def test_what_is_not_finite_is_not_written(tmp_path: Path, command: Command) -> None:
    generator = Generator.initial([SPEC], [stream(0)])
    with torch.no_grad():
        generator.pareto.bias3.fill_(3e38)
    generator.save(tmp_path / "generator.safetensors")
    out = tmp_path / "network.safetensors"
    status, stdout, stderr = command("generate", tmp_path / "generator.safetensors", "--beta", "1", "--out", out)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert "is not finite: it diverged in training" in stderr
    assert not out.exists()
