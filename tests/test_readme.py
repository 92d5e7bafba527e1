"""What the README shows does what it says."""

import re
from pathlib import Path

import pytest
import torch
from distributions import distribute

from hypergraph.extensions.registry import TASKS
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_task
from hypergraph.weights import MLPWeights, build_module

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The code block of the README that contains a text."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in code]
    return str(found)


def test_the_weights_load_in_plain_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = MLPSpec((16, 48, 1))
    parameters = [p.detach() for p in build_module(spec).parameters()]
    MLPWeights(spec, (parameters[0], parameters[2]), (parameters[1], parameters[3])).save(tmp_path / "net.safetensors")
    code = block("python", "load_state_dict")
    assert len(code.strip().splitlines()) <= 6
    assert "hypergraph" not in code
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert "tensor([[" in capsys.readouterr().out


def test_the_plugin_is_found_and_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hypergraph_spread.py").write_text(block("python", "class Spread"))
    header = '[project.entry-points."hypergraph.tasks"]'
    entry = block("toml", header).split(header)[1].replace('"', "")
    distribute(tmp_path, "hypergraph-spread", f"[hypergraph.tasks]\n{entry}")
    monkeypatch.syspath_prepend(tmp_path)
    task = TASKS.load("spread")
    check_task(task)
    inputs, targets = task.sample(task.default_spec, 5, torch.Generator().manual_seed(0))
    assert torch.equal(inputs.amax(1, keepdim=True) - inputs.amin(1, keepdim=True), targets)


def test_every_promise_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 40
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"there is no {path}::{name}"
