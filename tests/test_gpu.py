"""`make gpu` on the CPU, where graphs are played back: its checks pass, they fail where they should, it tells both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from gpu import __main__ as script
from gpu.checks import CHECKS, STEPS, assert_same, train, trainer, waits_for_nothing
from gpu.measure import SMALL
from gpu.playback import NoReads, played_back
from torch import Tensor

from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.model.hypernetwork import sum_groups, sum_sorted
from hypergraph.spec import MLPSpec
from hypergraph.training import step
from hypergraph.training.capture import CapturedStep
from hypergraph.training.schedule import Numbers
from hypergraph_l1norm.task import L1Norm

CPU, SPEC = torch.device("cpu"), MLPSpec((4, 6, 1))


@pytest.fixture(autouse=True)
def _playing() -> Iterator[None]:
    with played_back():
        yield


LONG = ("a step waits for nothing", "CUDA graphs change no bit")
"""Checks that take seconds on the CPU."""


@pytest.mark.parametrize(
    "check",
    [pytest.param(check, id=name, marks=[pytest.mark.slow] * (name in LONG)) for name, check in CHECKS.items()],
)
def test_a_check_passes(check: Callable[[torch.device], None]) -> None:
    check(CPU)


class Reading(L1Norm):
    """A task whose loss is read by the host."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        losses = super().loss(outputs, targets)
        return losses * float(losses.max() > 0)


@pytest.mark.parametrize("graphs", [False, True])
def test_a_step_that_reads_is_told(graphs: bool) -> None:
    one = train(trainer(CPU, Reading(), (SPEC,), graphs), 1)
    with NoReads(), pytest.raises(RuntimeError, match="the host waits"):
        one.step()


def test_a_step_in_which_the_host_waits_is_not_recorded() -> None:
    """Recording it would fail."""
    assert_same(*(train(trainer(CPU, Reading(), (SPEC,), graphs), 6) for graphs in (False, True)))


def test_graphs_of_the_first_half_are_forgotten_in_the_second() -> None:
    one = trainer(CPU, TASKS.load("l1norm"), (SPEC,), graphs=True)
    for until, early in ((STEPS // 2, True), (STEPS, False)):
        captured = train(one, until)._run
        assert isinstance(captured, CapturedStep)
        assert [kind.early for kind in captured._graphs] == [early]


class Counting(L1Norm):
    """A task that draws more from step to step: what a graph repeats is something else."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0.0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.asked += 1
        return super().loss(outputs, targets) * self.asked


def test_what_python_changes_from_step_to_step_is_not_repeated() -> None:
    """So the check that graphs change no bit can fail."""
    off, on = (train(trainer(CPU, Counting(), (SPEC,), graphs), 5) for graphs in (False, True))
    with pytest.raises(AssertionError):
        assert_same(off, on)


@pytest.fixture(scope="module")
def right() -> step.Trainer:
    """A training on graphs."""
    with played_back():
        return train(trainer(CPU, TASKS.load("l1norm"), (SPEC,), graphs=True), 6)


@pytest.mark.parametrize("field", Numbers._fields)
def test_every_number_reaches_the_graph(field: str, right: step.Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that stays what it was when the step was recorded changes how the training ends."""
    task = TASKS.load("l1norm")
    numbers, first = step.Trainer._numbers, trainer(CPU, task, (SPEC,), graphs=False)._numbers()
    monkeypatch.setattr(step.Trainer, "_numbers", lambda one: numbers(one)._replace(**{field: getattr(first, field)}))
    wrong = train(trainer(CPU, task, (SPEC,), graphs=True), 6)
    if field == "step":  # it only dates failures
        assert_same(right, wrong)
    else:
        with pytest.raises(AssertionError):
            assert_same(right, wrong)


def test_a_task_that_reads_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    load: Callable[..., Task] = lambda *_: Reading()  # noqa: E731
    monkeypatch.setattr(TASKS, "load", load)
    with pytest.raises(RuntimeError, match="the host waits"):
        waits_for_nothing(CPU)


def test_sums_of_groups_are_the_same_sorted() -> None:
    values = torch.randn(3, 50, dtype=torch.float64, requires_grad=True)
    groups, direction = torch.randint(7, (50,)), torch.randn(3, 8, dtype=torch.float64)
    sums = [add(values, groups, 8) for add in (sum_groups, sum_sorted)]
    torch.testing.assert_close(sums[1], sums[0])
    grads = [torch.autograd.grad((each * direction).sum(), values)[0] for each in sums]
    torch.testing.assert_close(grads[1], grads[0])


class Broken(L1Norm):
    """A task that has no loss."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("there is no loss")


def test_the_script_writes_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "CHECKS", {"right": lambda device: None, "wrong": waits_for_nothing})
    monkeypatch.setattr(TASKS, "load", lambda *_: Broken())
    assert script.main(str(tmp_path), "cpu") == 1
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["checks"]["right"] == "passed"
    assert report["checks"]["wrong"].startswith("failed: RuntimeError('there is no loss")
    told = (tmp_path / "gpu.md").read_text()
    assert f"| right | passed |\n| wrong | {report['checks']['wrong']} |" in told
    assert "there is no loss" in report["rows"][0]["missing"]
    assert set(report["rows"][-1]["seconds"]) == {"off"}
    assert told.count("\n| training | 4,6,1 |") == 2


def test_what_there_is_no_time_for_is_told() -> None:
    rows = list(script.measured(CPU, SMALL, until=0))
    assert [row["missing"] for row in rows] == ["out of time"] * len(SMALL.works)
    assert "| training | 4,6,1 | 3 | out of time |" in script.table(
        {"device": "", "torch": "", "checks": {}, "rows": rows}
    )
