"""Workers: interrupted and resumed they end where an uninterrupted training ends; failures are told in one line."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from distributions import Install, distribute
from processes import NET_S, idles

from hypergraph.engines.base import Resources, TrainingError
from hypergraph.engines.local import LocalEngine
from hypergraph.engines.process import STOPPED
from hypergraph.extensions.attribution import attribute_error
from hypergraph.extensions.registry import ENGINES, TASKS
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Diverged, Event, Stopping, Trained, Watched, ignore
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training.memory import fitting_members
from hypergraph.training.recipe import Recipe


def run_in(path: Path, task: str = "l1norm", steps: int = 60, chunks: int = 1, threads: int = 1) -> RunDirectory:
    recipe, spec = Recipe(steps=steps, batch=16), MLPSpec((4, 6, 1))
    config = RunConfig(task, (spec,), 2, 0, "cpu", recipe, chunk_count=chunks, threads=threads)
    run = RunDirectory.create(path, config)
    with run.lock():  # makes its folders
        return run


def events_of(run: RunDirectory, engine: LocalEngine | None = None) -> list[Event]:
    """Train, and give what was told."""
    events: list[Event] = []
    (engine or LocalEngine()).train(run, events.append)
    return events


def steps_of(events: list[Event]) -> list[int]:
    """How many steps a chunk has behind it, by event."""
    found = [event.metrics.step if isinstance(event, Watched) else getattr(event, "step", None) for event in events]
    return [step for step in found if step is not None]


def interrupt(event: Event) -> None:
    if not isinstance(event, Stopping):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    unbroken, broken = run_in(tmp_path / "unbroken"), run_in(tmp_path / "broken")
    LocalEngine().train(unbroken, ignore)
    with pytest.raises(KeyboardInterrupt):
        LocalEngine().train(broken, interrupt)
    (chunk,) = broken.chunks
    assert not chunk.trained.exists()
    saved = int(read_tensors(chunk.state)[1]["step"])
    assert saved > 0
    assert min(steps_of(events_of(broken))) > saved
    expected, found = (read_tensors(run.chunks[0].trained)[0] for run in (unbroken, broken))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [c.metrics.read_text().count("\n") for c in (*unbroken.chunks, *broken.chunks)] == [60, 60]


class OneAtATime(LocalEngine):
    """Has a worker, however many cores there are."""

    def resources(self, device: str) -> Resources:
        """With little to share."""
        return dataclasses.replace(super().resources(device), workers=1)


def trained(run: RunDirectory, engine: LocalEngine) -> list[str]:
    """Train, and tell from which chunk each event came."""
    events = [event for event in events_of(run, engine) if isinstance(event, (Trained, Watched))]
    return [f"{event.members[0]}-{event.members[1]}" for event in events]


class TwoAtOnce(LocalEngine):
    """Has two workers, however few cores there are."""

    def resources(self, device: str) -> Resources:
        """As of a machine with two cores at least."""
        return dataclasses.replace(super().resources(device), workers=2)


@pytest.mark.slow
def test_chunks_trained_one_at_a_time_end_as_those_trained_at_once(tmp_path: Path) -> None:
    one_by_one, together = (run_in(tmp_path / name, steps=4, chunks=2) for name in ("one by one", "at once"))
    told = trained(one_by_one, OneAtATime())
    assert told == sorted(told)
    assert {*told} == {*trained(together, TwoAtOnce())} == {"0-0", "1-1"}
    for first, second in zip(one_by_one.chunks, together.chunks, strict=True):
        expected, found = (read_tensors(chunk.trained)[0] for chunk in (first, second))
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        assert [path.name for path in sorted((first.folder / "checkpoints").iterdir())] == [
            f"{step:07d}.safetensors" for step in (1, 2, 3, 4)
        ]
    assert [(step, list(members)) for step, members, _ in together.checkpoints()] == [
        (step, [member]) for step in (1, 2, 3, 4) for member in (0, 1)
    ]
    assert trained(together, OneAtATime()) == []


NOISY = """
import os
import threading

from hypergraph_l1norm.task import L1Norm

print("imported")

class Good(L1Norm):
    def sample(self, spec, batch, rng):
        print("sampling")
        os.write(1, b"to the descriptor\\n")
        return super().sample(spec, batch, rng)
"""


DIVERGING = """
import math

from hypergraph_l1norm.task import L1Norm

class Good(L1Norm):
    steps = 0

    def loss(self, outputs, targets):
        loss = super().loss(outputs, targets)
        if outputs.requires_grad:
            self.steps += 1
            if 2 <= self.steps:
                loss = loss * loss.new_tensor([1.0, math.nan])
        return loss
"""


@pytest.mark.slow
def test_a_task_that_prints_does_not_disturb(install: Install, tmp_path: Path) -> None:
    install("noisy-dist", NOISY, name="noisy")
    run = run_in(tmp_path / "run", task="noisy", steps=3)
    assert steps_of(events_of(run))[-1] == 3
    log = (run.chunks[0].folder / "log.txt").read_text()
    assert "sampling" in log
    assert "to the descriptor" in log


@pytest.mark.slow
def test_a_member_that_diverges_is_told_and_costs_no_other(install: Install, tmp_path: Path) -> None:
    install("diverging-dist", DIVERGING, name="diverging")
    spoilt, sound = run_in(tmp_path / "spoilt", task="diverging"), run_in(tmp_path / "sound")
    told = [event.failure for event in events_of(spoilt) if isinstance(event, Diverged)]
    LocalEngine().train(sound, ignore)
    assert told == spoilt.failures()
    assert [(failure.member, failure.step) for failure in spoilt.failures()] == [(1, 2), (1, 3), (1, 4)]
    assert str(told[-1]).endswith("retired as it was at step 3")
    found, expected = (read_tensors(run.chunks[0].trained)[0] for run in (spoilt, sound))
    assert all(torch.equal(found[name][0], expected[name][0]) for name in expected)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in found.values())
    assert not sound.failures()


@pytest.mark.slow
def test_a_worker_waits_for_another_at_its_members(tmp_path: Path) -> None:
    """And can be stopped meanwhile."""
    run = run_in(tmp_path, steps=1)
    (chunk,) = run.chunks
    words = [sys.executable, "-m", "hypergraph.engines.worker", str(run.path), "0", "1"]
    with chunk.lock(), subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as waiting:
        while not idles(psutil.Process(waiting.pid)):
            assert waiting.poll() is None
        assert [path.name for path in chunk.folder.iterdir() if path.is_file()] == ["lock"]
        assert waiting.stdin is not None
        waiting.stdin.close()
        assert waiting.wait(NET_S) == STOPPED
    assert events_of(run)


@pytest.mark.slow
def test_a_worker_has_the_threads_of_the_run_whatever_the_cores(tmp_path: Path) -> None:
    threads = (psutil.cpu_count() or 1) + 3
    run = run_in(tmp_path, steps=1, threads=threads)
    LocalEngine().train(run, ignore)
    assert [entry.threads for chunk in run.chunks for entry in chunk.read_provenance()] == [threads]


@pytest.mark.slow
def test_modules_in_the_current_folder_are_not_taken_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise ImportError('mine')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as in a notebook
    run = run_in(tmp_path / "run", steps=1)
    assert events_of(run)


@pytest.mark.slow
def test_a_worker_imports_what_its_parent_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another copy of the package, nor only the plugins that are installed."""
    other = tmp_path / "other" / "hypergraph"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('another copy')")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "near.py").write_text("from hypergraph_l1norm.task import L1Norm as Good")
    distribute(tmp_path / "mine", "near", "[hypergraph.tasks]\nnear = near:Good\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "mine")])
    assert events_of(run_in(tmp_path / "run", task="near", steps=1))


@pytest.mark.slow
def test_a_worker_that_fails_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path, task="nowhere")
    with pytest.raises(TrainingError, match="training of members 0-1 failed: unknown task 'nowhere'"):
        LocalEngine().train(run, ignore)


def test_the_local_engine_is_a_plugin_that_no_setting_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", "l1norm")
    assert isinstance(ENGINES.load("local"), LocalEngine)
    assert TASKS.names() == ["l1norm"]


def test_an_error_of_our_own_is_not_attributed_to_the_engine() -> None:
    with pytest.raises(AttributeError) as error:
        fitting_members(None, 1, 1)  # type: ignore[arg-type]
    assert attribute_error(error.value) is None
