"""Interrupts of a real run: the first saves, the second does not wait, and either way nothing is lost."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from crash.trial import damage

from hypergraph.storage.tensors import read_tensors

STEPS = 4_000
HINT = "Stopped. What was saved is kept; go on with: "


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "hypergraph", "run", *map(str, words)]
        listen = partial(
            signal.signal, signal.SIGINT, signal.SIG_DFL
        )  # which jobs in the background are started without
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, **pipes, text=True, preexec_fn=listen))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def new(folder: Path, steps: int = STEPS) -> list[object]:
    return ["l1norm", "--layers", "4,6,1", "--members", 1, "--steps", steps, "--out", folder]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


def stopped_worker(process: subprocess.Popen[str], folder: Path) -> psutil.Process:
    """The worker, suspended in the midst of its steps."""
    wait_for(folder / "training/0-0/metrics.jsonl", process)
    (worker,) = psutil.Process(process.pid).children()
    worker.suspend()
    time.sleep(0.1)
    return worker


def saved_step(folder: Path) -> int:
    return int(read_tensors(folder / "training/0-0/state.safetensors")[1]["step"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_saves_and_tells_how_to_go_on(
    number: signal.Signals, started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "a run"
    process = started(*new(folder))
    worker = stopped_worker(process, folder)
    before = saved_step(folder)
    process.send_signal(number)
    time.sleep(0.5)
    worker.resume()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert before < saved_step(folder) < STEPS
    assert "Stopping after this step; interrupt again to stop at once." in stderr
    (hint,) = [line for line in stderr.splitlines() if line.startswith(HINT)]
    words = shlex.split(hint.removeprefix(HINT))
    assert words == ["hypergraph", "run", "l1norm", "--resume", "--out", str(folder)]
    assert damage(folder) == []
    again = started(*words[2:], "--json")
    wait_for(folder / "training/0-0/trained.safetensors", again)
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
    worker = stopped_worker(process, tmp_path / "run")
    before = saved_step(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert f"{HINT}hypergraph run l1norm --resume" in stderr
    assert damage(tmp_path / "run") == []
    assert saved_step(tmp_path / "run") == before


def test_a_worker_that_is_told_to_stop_saves(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """As a system does that ends all processes of a service, or of a job."""
    process = started(*new(tmp_path / "run"))
    worker = stopped_worker(process, tmp_path / "run")
    before = saved_step(tmp_path / "run")
    worker.terminate()
    worker.resume()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: training of members 0-0 failed: stopped by SIGTERM, after saving" in stderr
    assert HINT in stderr
    assert saved_step(tmp_path / "run") > before


def test_a_worker_that_is_killed_is_told(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = started(*new(tmp_path / "run"))
    wait_for(tmp_path / "run/training/0-0/metrics.jsonl", process)
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "killed by SIGKILL, as a system does that is out of memory" in stderr
    assert stderr.count("error: ") == 1
    assert "Traceback" not in stderr


def test_a_resume_that_waits_for_a_worker_of_a_killed_run_can_be_interrupted(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    killed = started(*new(tmp_path / "run"))
    orphan = stopped_worker(killed, tmp_path / "run")
    killed.kill()
    killed.communicate()
    resumed = started("l1norm", "--resume", "--out", tmp_path / "run")
    while not psutil.Process(resumed.pid).children():
        time.sleep(0.1)
    time.sleep(5)
    resumed.send_signal(signal.SIGINT)
    _, stderr = resumed.communicate(timeout=30)
    assert resumed.returncode == 130
    assert HINT in stderr
    orphan.resume()
    orphan.wait(30)
    assert damage(tmp_path / "run") == []
