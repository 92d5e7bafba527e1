"""Workers: interrupted and resumed they end where an uninterrupted training ends; failures are told in one line."""

import contextlib
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hypergraph.engines.local import TrainingError, max_parallel_chunks, plan_chunks, train
from hypergraph.engines.worker import CHECKPOINTS, STOPPED, Worker, checkpoint_steps
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training import memory
from hypergraph.training.memory import MEMBER, RECOMPUTED, fitting_members
from hypergraph.training.recipe import Recipe


def run_in(path: Path, task: str = "l1norm", steps: int = 60, chunks: int = 1) -> RunDirectory:
    recipe = Recipe(steps=steps, batch=16)
    run = RunDirectory.create(path, RunConfig(task, (MLPSpec((4, 6, 1)),), 2, 0, "cpu", recipe, chunk_count=chunks))
    with run.lock():  # makes its folders
        return run


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    unbroken, broken = run_in(tmp_path / "unbroken"), run_in(tmp_path / "broken")
    for _ in train(unbroken, 1):
        pass
    with contextlib.closing(train(broken, 1)) as events:
        next(events)
    (chunk,) = broken.chunks
    assert not chunk.trained.exists()
    saved = int(read_tensors(chunk.state)[1]["step"])
    assert saved > 0
    assert min(event["step"] for _, event in train(broken, 1)) > saved
    expected, found = (read_tensors(run.chunks[0].trained)[0] for run in (unbroken, broken))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [c.metrics.read_text().count("\n") for c in (*unbroken.chunks, *broken.chunks)] == [60, 60]


def trained(run: RunDirectory, workers: int) -> list[str]:
    """Train, and tell from which chunk each event came."""
    return [chunk.folder.name for chunk, _ in train(run, workers)]


def test_chunks_trained_one_at_a_time_end_as_those_trained_at_once(tmp_path: Path) -> None:
    one_by_one, together = (run_in(tmp_path / name, steps=4, chunks=2) for name in ("one by one", "at once"))
    told = trained(one_by_one, workers=1)
    assert told == sorted(told)
    assert {*told} == {*trained(together, workers=2)} == {"0-0", "1-1"}
    for first, second in zip(one_by_one.chunks, together.chunks, strict=True):
        expected, found = (read_tensors(chunk.trained)[0] for chunk in (first, second))
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        assert [path.name for path in sorted((first.folder / "checkpoints").iterdir())] == [
            f"{step:07d}.safetensors" for step in (1, 2, 3, 4)
        ]
    assert [(step, list(members)) for step, members, _ in together.checkpoints()] == [
        (step, [member]) for step in (1, 2, 3, 4) for member in (0, 1)
    ]
    assert trained(together, workers=1) == []


@given(steps=st.integers(1, 10**6))
def test_checkpoints_end_with_the_last_step_and_grow_further_apart(steps: int) -> None:
    kept = sorted(checkpoint_steps(steps))
    assert kept[0] >= 1
    assert kept[-1] == steps
    assert len(kept) <= CHECKPOINTS
    if steps >= 1000:
        gaps = [later - earlier for earlier, later in pairwise([0, *kept])]
        assert len(gaps) == CHECKPOINTS
        assert all(less < more for less, more in pairwise(gaps))


@given(members=st.integers(1, 40), cores=st.integers(1, 16), fitting=st.integers(0, 50))
def test_a_plan_covers_all_members_and_what_is_at_work_fits(members: int, cores: int, fitting: int) -> None:
    """As many at a time as there are cores, unless memory has no room for a member each."""
    specs = (MLPSpec((4, 6, 1)), MLPSpec((40, 60, 1)))
    config = RunConfig("l1norm", specs, members, 0, "cpu", Recipe(steps=1))
    each = MEMBER + specs[1].weight_count * memory.RECOMPUTED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_free", lambda _: fitting * each + each // 2)
        patch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
        room = fitting_members(specs[1], RECOMPUTED)
        config = plan_chunks(config)
        workers = max_parallel_chunks(config)
    assert room == max(fitting, 1)
    assert [member for part in config.member_ranges for member in part] == list(range(members))
    largest = max(map(len, config.member_ranges))
    assert workers * largest <= room
    assert workers == min(cores, members, room)
    assert members > room // workers * workers or config.chunk_count == workers


def test_cores_are_shared_out_as_threads_where_networks_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(memory, "_free", lambda _: 10**12)
    for sizes, members, threads in (((4, 6, 1), 4, 1), ((100, 200, 1), 4, 4), ((100, 200, 1), 33, 1)):
        config = RunConfig("l1norm", (MLPSpec(sizes),), members, 0, "cpu", Recipe(steps=1))
        assert plan_chunks(config).threads == threads


def test_a_gpu_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig("l1norm", (MLPSpec((4, 6, 1)),), 9, 0, "cuda", Recipe(steps=1))
    for room, count in ((9, 1), (5, 2), (1, 9)):
        monkeypatch.setattr(memory, "_free", lambda _, room=room: room * (MEMBER + 30 * memory.RECOMPUTED))
        assert (plan_chunks(config).chunk_count, max_parallel_chunks(plan_chunks(config))) == (count, 1)


NOISY = """
import os
import threading

from hypergraph_l1norm.task import L1Norm

print("imported")

class Noisy(L1Norm):
    def sample(self, spec, batch, rng):
        print("sampling")
        os.write(1, b"to the descriptor\\n")
        return super().sample(spec, batch, rng)
"""


DIVERGING = """
import math

from hypergraph_l1norm.task import L1Norm

class Diverging(L1Norm):
    steps = 0

    def loss(self, outputs, targets):
        loss = super().loss(outputs, targets)
        if outputs.requires_grad:
            self.steps += 1
            if 2 <= self.steps:
                loss = loss * loss.new_tensor([1.0, math.nan])
        return loss
"""


def install(folder: Path, name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a task plugin of this name, to be found by the processes that are started."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hypergraph.tasks]\n{name} = {name}:{name.title()}\n")
    (folder / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_task_that_prints_does_not_disturb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "noisy", NOISY, monkeypatch)
    run = run_in(tmp_path / "run", task="noisy", steps=3)
    told = [event["step"] for _, event in train(run, 1)]
    assert told[-1] == 3
    log = (run.chunks[0].folder / "log.txt").read_text()
    assert "sampling" in log
    assert "to the descriptor" in log


def test_a_member_that_diverges_is_told_and_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "diverging", DIVERGING, monkeypatch)
    spoilt, sound = run_in(tmp_path / "spoilt", task="diverging"), run_in(tmp_path / "sound")
    told = [event["failure"] for _, event in train(spoilt, 1) if "failure" in event]
    list(train(sound, 1))
    assert told == list(map(str, spoilt.failures()))
    assert [(failure.member, failure.step) for failure in spoilt.failures()] == [(1, 2), (1, 3), (1, 4)]
    assert told[-1].endswith("retired as it was at step 3")
    found, expected = (read_tensors(run.chunks[0].trained)[0] for run in (spoilt, sound))
    assert all(torch.equal(found[name][0], expected[name][0]) for name in expected)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in found.values())
    assert not sound.failures()


def test_a_worker_waits_for_another_at_its_members(tmp_path: Path) -> None:
    """And can be stopped meanwhile."""
    run = run_in(tmp_path, steps=1)
    (chunk,) = run.chunks
    words = [sys.executable, "-m", "hypergraph.engines.worker", str(run.path), "0", "1"]
    with chunk.lock(), subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(15)
        assert [path.name for path in chunk.folder.iterdir() if path.is_file()] == ["lock"]
        assert waiting.stdin is not None
        waiting.stdin.close()
        assert waiting.wait(60) == STOPPED
    assert list(train(run, 1))


def test_a_worker_has_the_threads_of_the_run_whatever_the_cores(tmp_path: Path) -> None:
    run = run_in(tmp_path, steps=1)
    threads = torch.get_num_threads()
    try:
        config = replace(run.config, threads=psutil.cpu_count() + 3)
        Worker(RunDirectory(tmp_path, config), run.chunks[0], threading.Event())
        assert torch.get_num_threads() == config.threads
    finally:
        torch.set_num_threads(threads)


def test_modules_in_the_current_folder_are_not_taken_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("Python has no way to say so yet")
    (tmp_path / "queue.py").write_text("raise ImportError('mine')")
    monkeypatch.chdir(tmp_path)
    run = run_in(tmp_path / "run", steps=1)
    assert list(train(run, 1))


def test_a_worker_stopped_before_its_first_step_is_gone_on_with(tmp_path: Path) -> None:
    run = run_in(tmp_path, steps=2)
    worker = Worker(run, run.chunks[0], threading.Event())
    worker.stop.set()
    assert not worker.run()
    assert read_tensors(run.chunks[0].state)[1]["step"] == "0"
    for _ in train(run, 1):
        pass
    assert run.chunks[0].trained.exists()


def test_a_worker_that_fails_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path, task="nowhere")
    with pytest.raises(TrainingError, match="unknown task 'nowhere'"):
        list(train(run, 1))
