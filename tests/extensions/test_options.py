"""Options of a task, set on the command line, kept by the run and given to the task wherever it is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from distributions import Install

from hypergraph.errors import PluginError, UsageError
from hypergraph.extensions.options import complete_options, make_options, read_options
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.config import RunConfig
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe

Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Knobs:
    count: int = 2
    scale: float = 1.5
    noisy: bool = False
    label: str = "plain"
    law: Literal["normal", "uniform"] = "normal"
    power: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}; it must be at least 1")


def test_texts_become_typed_values() -> None:
    texts = ["count=3", "scale=2", "noisy=True", "label=a=b", "law=uniform", "power=2"]
    fields = read_options(Knobs, texts)
    assert fields == {"count": 3, "scale": 2.0, "noisy": True, "label": "a=b", "law": "uniform", "power": 2}
    assert make_options(Knobs, fields) == Knobs(3, 2.0, True, "a=b", "uniform", 2)


def test_what_is_not_set_keeps_its_default() -> None:
    assert make_options(Knobs, read_options(Knobs, [])) == Knobs()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count", "no key=value"),
        ("cuont=3", r"unknown option 'cuont' \(did you mean count\?\)"),
        ("count=3.5", "option count is 3.5: expected int$"),
        ("scale=much", "option scale is 'much': expected float$"),
        ("count=3.0", "option count is 3.0: expected int$"),
        ("scale=nan", "option scale is 'nan': expected float$"),
        ("scale=1e999", "option scale is inf: expected float <= 1e"),
        ("noisy=1", "option noisy is 1: expected bool$"),
        ("law=cauchy", "option law is 'cauchy': expected one of normal, uniform$"),
        ("power=3", "option power is 3: expected one of 1, 2$"),
    ],
)
def test_wrong_texts_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_options(Knobs, [text])
    assert "\n" not in str(caught.value)


def test_an_option_is_set_once() -> None:
    with pytest.raises(UsageError, match="count is set twice"):
        read_options(Knobs, ["count=1", "count=2"])


@pytest.mark.parametrize(
    "fields",
    [
        {"count": "3"},
        {"count": True},
        {"count": 3.0},
        {"scale": float("nan")},
        {"scale": 10**400},
        {"law": "x"},
        {"power": True},
        {"x": 1},
    ],
)
def test_values_of_other_types_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="option"):
        make_options(Knobs, fields)


def test_annotations_that_cannot_be_resolved_are_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class Unresolved:
        count: Nowhere = 1  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(PluginError, match=r"types of .*Unresolved cannot be read: name 'Nowhere' is not defined"):
        read_options(Unresolved, ["count=1"])


def test_what_the_dataclass_refuses_is_told() -> None:
    with pytest.raises(UsageError, match="count is 0; it must be at least 1"):
        make_options(Knobs, {"count": 0})


def test_what_the_dataclass_fills_in_is_kept() -> None:
    @dataclass(frozen=True)
    class Filled:
        path: str = ""
        size: int = 1
        hash: str = ""

        def __post_init__(self) -> None:
            object.__setattr__(self, "path", f"/{self.path.lstrip('/')}")
            object.__setattr__(self, "hash", "abc")

    assert complete_options(Knobs, {}) == {}
    assert complete_options(Knobs, {"count": 2, "scale": 3}) == {"count": 2, "scale": 3}
    complete = complete_options(Filled, {"path": "data", "size": 1})
    assert complete == {"path": "/data", "size": 1, "hash": "abc"}
    assert complete_options(Filled, complete) == complete


TASK = """
from dataclasses import dataclass
import torch
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec

class Good(Task):
    default_spec = MLPSpec((2, 4, 1))
    solved_loss = 0.1

    @dataclass(frozen=True)
    class Options:
        factor: float = 1.0

    def sample(self, spec, batch, rng):
        inputs = torch.randn(batch, spec.sizes[0], generator=rng, device=rng.device)
        return inputs, self.options.factor * inputs.sum(1, keepdim=True)

    def loss(self, outputs, targets):
        return (outputs - targets).square().mean((-1, -2))
"""


@pytest.fixture
def scaled(install: Install) -> None:
    """An installed task with an option, found by worker processes too."""
    install("scaled", TASK, name="scaled")


@pytest.mark.usefixtures("scaled")
def test_a_task_is_loaded_with_its_options() -> None:
    assert TASKS.load("scaled", {}).options.factor == 1.0
    assert TASKS.load("scaled", {"factor": 3}).options.factor == 3
    with pytest.raises(UsageError, match="unknown option 'facto'"):
        TASKS.load("scaled", {"facto": 3.0})


@pytest.mark.slow
@pytest.mark.usefixtures("scaled", "one_figure")
def test_a_run_keeps_the_options_and_measures_by_them(command: Command, tmp_path: Path) -> None:
    losses = []
    for factor in (1, 100):
        out = tmp_path / str(factor)
        code, _, stderr = command(
            "run", "scaled", "--set", f"factor={factor}", "--members", 1, "--steps", 2, "--out", out
        )
        assert code == 0, stderr
        result = json.loads((out / "result.json").read_text())
        assert result["options"] == {"factor": factor}
        losses.append(result["networks"][0]["loss"])
    assert losses[1] > 1000 * losses[0] / 2


@pytest.mark.usefixtures("scaled")
def test_the_command_refuses_wrong_options(command: Command) -> None:
    for text, message in [("factor=x", "option factor is 'x': expected float"), ("fcator=1", "did you mean factor")]:
        code, _, stderr = command("run", "scaled", "--set", text)
        assert (code, len(stderr.splitlines())) == (2, 1)
        assert message in stderr


@pytest.mark.usefixtures("scaled")
def test_a_resumed_run_keeps_its_options(command: Command) -> None:
    code, _, stderr = command("run", "scaled", "--resume", "--set", "factor=2")
    assert code == 2
    assert "a resumed run keeps its --set" in stderr


def test_a_configuration_keeps_options_and_refuses_what_is_no_table() -> None:
    config = RunConfig("t", (MLPSpec((2, 1)),), 1, 0, "cpu", Recipe(1), {"factor": 2.0})
    fields = json.loads(json.dumps(config.to_fields()))
    assert RunConfig.from_fields(fields) == config
    for wrong in (3, [1], {"factor": [1]}, {"factor": None}):
        with pytest.raises(UsageError, match=r"^options is "):
            RunConfig.from_fields({**fields, "options": wrong})
