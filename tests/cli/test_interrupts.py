"""Interrupts of a real run: the first saves, the second does not wait, and either way nothing is lost."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from crash.trial import damage

from hypergraph.files import read_tensors

STEPS = 4_000
"""The first metrics come at step 40, the first state at 200."""
HINT = "Stopped. What was saved is kept; go on with: "


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "hypergraph", "run", *map(str, words)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def new(folder: Path, steps: int = STEPS) -> list[object]:
    return ["l1norm", "--layers", "4,6,1", "--members", 1, "--steps", steps, "--out", folder]


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def saved_step(folder: Path) -> int:
    return int(read_tensors(folder / "training/0-0/state.safetensors")[1]["step"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_saves_and_tells_how_to_go_on(
    number: signal.Signals, started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "a run"
    process = started(*new(folder))
    wait_for(folder / "training/0-0/metrics.jsonl")
    assert saved_step(folder) == 0
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 40 <= saved_step(folder) < STEPS
    (hint,) = [line for line in stderr.splitlines() if line.startswith(HINT)]
    words = shlex.split(hint.removeprefix(HINT))
    assert words == ["hypergraph", "run", "l1norm", "--resume", "--out", str(folder)]
    assert damage(folder) == []
    again = started(*words[2:], "--json")
    wait_for(folder / "training/0-0/trained.safetensors")
    assert saved_step(folder) == STEPS
    again.send_signal(number)  # in the analysis, which keeps what was trained
    _, stderr = again.communicate(timeout=60)
    assert again.returncode == 130
    assert hint in stderr
    assert "Traceback" not in stderr


def test_the_second_interrupt_does_not_wait_for_the_step(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = started(*new(tmp_path / "run"))
    wait_for(tmp_path / "run/training/0-0/metrics.jsonl")
    (worker,) = psutil.Process(process.pid).children()
    worker.suspend()  # a step that does not end
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert f"{HINT}hypergraph run l1norm --resume" in stderr
    assert damage(tmp_path / "run") == []
    assert saved_step(tmp_path / "run") == 0


def test_a_worker_that_is_told_to_stop_saves(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """As a system does that ends all processes of a service, or of a job."""
    process = started(*new(tmp_path / "run"))
    wait_for(tmp_path / "run/training/0-0/metrics.jsonl")
    (worker,) = psutil.Process(process.pid).children()
    assert saved_step(tmp_path / "run") == 0
    worker.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: training of members 0-0 failed: stopped by SIGTERM, after saving" in stderr
    assert HINT in stderr
    assert saved_step(tmp_path / "run") >= 40


def test_a_worker_that_is_killed_is_told(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = started(*new(tmp_path / "run"))
    wait_for(tmp_path / "run/training/0-0/metrics.jsonl")
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "killed by SIGKILL, as a system does that is out of memory" in stderr
    assert stderr.count("error: ") == 1
    assert "Traceback" not in stderr
