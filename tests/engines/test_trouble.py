"""Disks that are full, folders that vanish, clocks that jump: told in one line, and nothing lost that was saved."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from crash.trial import damage
from msgspec.structs import replace

from hypergraph.engines.base import TrainingError
from hypergraph.engines.chunk import train_chunk
from hypergraph.engines.local import LocalEngine
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, ignore
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training.recipe import Recipe

CONFIG = RunConfig("l1norm", (MLPSpec((4, 6, 1)),), 1, 0, "cpu", Recipe(steps=60, batch=16))


def held(run: RunDirectory) -> RunDirectory:
    """A run that was held once, and so has its folders."""
    with run.lock():
        return run


def interrupt(event: Event) -> None:
    raise KeyboardInterrupt


def trained(run: RunDirectory) -> dict[str, torch.Tensor]:
    LocalEngine().train(held(run), ignore)
    return read_tensors(run.chunks[0].trained)[0]


@pytest.mark.slow
def test_a_disk_that_fills_is_told_and_what_was_saved_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file can grow past two million bytes: the generators of checkpoints fit below, a state does not."""
    expected = trained(RunDirectory.create(tmp_path / "whole", CONFIG))
    run = RunDirectory.create(tmp_path / "full", CONFIG)
    with pytest.raises(KeyboardInterrupt):
        LocalEngine().train(held(run), interrupt)
    state = run.chunks[0].state
    saved = state.read_bytes()
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (2 * 10**6, 2 * 10**6))
    monkeypatch.setattr(subprocess, "Popen", partial(subprocess.Popen, preexec_fn=limit))
    with pytest.raises(TrainingError) as error:
        trained(run)
    monkeypatch.undo()
    assert str(error.value) == f"training of members 0-0 failed: cannot write {state}: File too large"
    assert state.read_bytes() == saved
    assert damage(run.path) == []
    assert not list(run.path.rglob("*.partial"))
    found = trained(run)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_a_folder_that_vanishes_is_told_and_not_made_again(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", replace(CONFIG, members=2, chunk_count=2))

    def rename(event: Event) -> None:
        if run.path.exists():
            run.path.rename(tmp_path / "elsewhere")

    with pytest.raises(TrainingError, match=r"cannot write .*training/\d-\d/.*: No such file or directory"):
        LocalEngine().train(held(run), rename)
    assert not run.path.exists()


@pytest.mark.slow
def test_a_clock_that_jumps_changes_nothing_but_the_times_that_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for name in ("steady", "jumping"):
        run = RunDirectory.create(tmp_path / name, CONFIG)
        (chunk,) = run.chunks
        assert train_chunk(held(run), chunk, ignore, threading.Event())
        ends.append(read_tensors(chunk.trained)[0])
        times = iter(range(10**9, 0, -(10**6)))
        monkeypatch.setattr(time, "time", lambda times=times: float(next(times)))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
