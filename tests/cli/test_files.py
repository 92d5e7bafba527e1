"""Files of strangers on the command line: what they hold reaches no terminal raw, and never passes for a fact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hypergraph.model.generator import Generator
from hypergraph.spec import MLPSpec
from hypergraph.streams import stream
from hypergraph.weights import MLPWeights

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
