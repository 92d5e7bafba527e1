"""Workers: interrupted and resumed they end where an uninterrupted training ends; failures are told in one line."""

import contextlib
from pathlib import Path

import pytest
import torch

from hypergraph.engines.local import TrainingError, train
from hypergraph.engines.worker import Worker
from hypergraph.files import read_tensors
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe


def run_in(path: Path, task: str = "l1norm", steps: int = 60) -> RunDirectory:
    return RunDirectory.create(path, RunConfig(task, (MLPSpec((4, 6, 1)),), 2, 0, "cpu", Recipe(steps=steps, batch=16)))


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole, broken = run_in(tmp_path / "whole"), run_in(tmp_path / "broken")
    for _ in train(whole, whole.chunks(1), 1):
        pass
    with contextlib.closing(train(broken, broken.chunks(1), 1)) as events:
        next(events)
    (chunk,) = broken.chunks(1)
    assert chunk.state.exists()
    assert not chunk.trained.exists()
    for _ in train(broken, broken.chunks(1), 1):
        pass
    expected, found = (read_tensors(run.chunks(1)[0].trained)[0] for run in (whole, broken))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [c.metrics.read_text().count("\n") for c in (*whole.chunks(1), *broken.chunks(1))] == [60, 60]


NOISY = """
from hypergraph_l1norm.task import L1Norm

print("imported")

class Noisy(L1Norm):
    def sample(self, spec, batch, rng):
        print("sampling")
        return super().sample(spec, batch, rng)
"""


def test_a_task_that_prints_does_not_disturb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "noisy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hypergraph.tasks]\nnoisy = noisy:Noisy\n")
    (tmp_path / "noisy.py").write_text(NOISY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = run_in(tmp_path / "run", task="noisy", steps=3)
    told = [event["step"] for _, event in train(run, run.chunks(1), 1)]
    assert told[-1] == 3
    assert "sampling" in (run.chunks(1)[0].folder / "log.txt").read_text()


def test_a_worker_stopped_before_its_first_step_leaves_nothing_to_resume(tmp_path: Path) -> None:
    run = run_in(tmp_path, steps=2)
    worker = Worker(run, run.chunks(1)[0])
    worker.stop.set()
    assert not worker.run()
    assert not run.chunks(1)[0].state.exists()
    for _ in train(run, run.chunks(1), 1):
        pass
    assert run.chunks(1)[0].trained.exists()


def test_a_worker_that_fails_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path, task="nowhere")
    with pytest.raises(TrainingError, match="unknown task 'nowhere'"):
        list(train(run, run.chunks(1), 1))
