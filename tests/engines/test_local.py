"""Workers: interrupted and resumed they end where an uninterrupted training ends; failures are told in one line."""

import contextlib
from pathlib import Path

import pytest
import torch

from hypergraph.engines.local import TrainingError, train
from hypergraph.files import read_tensors
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe


def run_in(path: Path, task: str = "l1norm", steps: int = 60) -> RunDirectory:
    return RunDirectory.create(path, RunConfig(task, MLPSpec((4, 6, 1)), 2, 0, "cpu", Recipe(steps=steps, batch=16)))


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole, broken = run_in(tmp_path / "whole"), run_in(tmp_path / "broken")
    for _ in train(whole, whole.chunks(1)):
        pass
    with contextlib.closing(train(broken, broken.chunks(1))) as events:
        next(events)
    (chunk,) = broken.chunks(1)
    assert chunk.state.exists()
    assert not chunk.trained.exists()
    for _ in train(broken, broken.chunks(1)):
        pass
    expected, found = (read_tensors(run.chunks(1)[0].trained)[0] for run in (whole, broken))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [c.metrics.read_text().count("\n") for c in (*whole.chunks(1), *broken.chunks(1))] == [60, 60]


def test_a_worker_that_fails_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path, task="nowhere")
    with pytest.raises(TrainingError, match="unknown task 'nowhere'"):
        list(train(run, run.chunks(1)))
