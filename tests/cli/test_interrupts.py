"""Interrupts of a real run: the first saves, the second does not wait, and either way nothing is lost.

Processes stop themselves where they are to be interrupted, so that no test has to be quick.
"""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from crash.trial import damage
from distributions import Install
from processes import Running, idles

from hypergraph.storage.tensors import read_tensors

HINT = "Stopped. What was saved is kept; go on with: "
TASK = """
import os, signal, sys
from hypergraph_l1norm.task import L1Norm
class Good(L1Norm):
    drawn = 0
    def sample(self, spec, batch, rng):
        self.drawn += 1
        if self.drawn == {draws} and ("hypergraph.engines.worker" in sys.orig_argv) == {worker}:
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().sample(spec, batch, rng)
"""
"""Suspends the process that draws samples, a worker or the other, when it has drawn so many."""

Start = Callable[..., Running]


@pytest.fixture
def held(install: Install) -> str:
    """A task whose workers suspend themselves, far from the first step and from the last."""
    install("held-dist", TASK.format(draws=100, worker=True), name="held")
    return "held"


def new(task: str, folder: Path, steps: int = 40_000) -> list[object]:
    return [task, "--layers", "4,6,1", "--members", 1, "--steps", steps, "--out", folder]


def suspended(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


def suspended_worker(command: Running) -> psutil.Process:
    """The worker, in the midst of its steps."""
    command.wait_for(lambda: any(map(suspended, command.workers)))
    (worker,) = command.workers
    return worker


def interrupt(command: Running, worker: psutil.Process) -> None:
    """Interrupt, and wait until the worker, which is suspended, has been asked to stop: by the end of its input."""
    pipe = os.readlink(f"/proc/{worker.pid}/fd/0")
    assert pipe in _open(command)
    command.process.send_signal(signal.SIGINT)
    command.wait_for(lambda: pipe not in _open(command))


def _open(command: Running) -> list[str]:
    folder = f"/proc/{command.process.pid}/fd"
    return [os.readlink(path) for name in os.listdir(folder) if os.path.islink(path := f"{folder}/{name}")]


def stops(command: Running) -> bool:
    return "Stopping after this step; interrupt again to stop at once." in command.stderr


def works(process: psutil.Process) -> bool:
    before = process.cpu_times()
    time.sleep(0.5)
    return process.cpu_times() != before


def saved_step(folder: Path) -> int:
    return int(read_tensors(folder / "training/0-0/state.safetensors")[1]["step"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_saves_and_tells_how_to_go_on(
    number: signal.Signals, started: Start, held: str, tmp_path: Path
) -> None:
    folder = tmp_path / "a run"
    words = new(held, folder)[1:]
    before = 0
    for _ in range(2):  # anew, and as the hint says
        command = started("run", held, *words)
        worker = suspended_worker(command)
        command.process.send_signal(number)
        command.wait_for(partial(stops, command))
        worker.resume()
        done = command.end()
        assert done.returncode == 130
        assert "Traceback" not in done.stderr
        assert before < (before := saved_step(folder)) < 40_000
        (hint,) = [line for line in done.stderr.splitlines() if line.startswith(HINT)]
        assert shlex.split(hint.removeprefix(HINT)) == ["hypergraph", "run", held, "--resume", "--out", str(folder)]
        words = ["--resume", "--out", folder]
        assert damage(folder) == []


def test_a_stopped_run_lets_its_workers_wait_until_it_goes_on(started: Start, held: str, tmp_path: Path) -> None:
    """Ctrl-Z in a shell."""
    command = started("run", *new(held, tmp_path / "run"))
    worker = suspended_worker(command)
    command.process.send_signal(signal.SIGTSTP)
    command.wait_for(lambda: suspended(psutil.Process(command.process.pid)))
    worker.resume()
    command.wait_for(lambda: not works(worker))
    command.process.send_signal(signal.SIGCONT)
    command.wait_for(lambda: works(worker))
    command.process.send_signal(signal.SIGINT)
    assert command.end().returncode == 130
    assert saved_step(tmp_path / "run") > 100


def test_an_interrupt_of_the_analysis_keeps_what_was_trained(started: Start, install: Install, tmp_path: Path) -> None:
    install("held-dist", TASK.format(draws=1, worker=False), name="held")
    command = started("run", *new("held", tmp_path / "run", steps=20), "--json")
    command.wait_for(lambda: suspended(psutil.Process(command.process.pid)))
    assert saved_step(tmp_path / "run") == 20
    command.process.send_signal(signal.SIGINT)
    command.process.send_signal(signal.SIGCONT)
    done = command.end()
    assert done.returncode == 130
    assert f"{HINT}hypergraph run held --resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert damage(tmp_path / "run") == []
    assert saved_step(tmp_path / "run") == 20


def test_the_second_interrupt_does_not_wait_for_the_step(started: Start, held: str, tmp_path: Path) -> None:
    command = started("run", *new(held, tmp_path / "run"))
    worker = suspended_worker(command)
    before = saved_step(tmp_path / "run")
    interrupt(command, worker)
    command.process.send_signal(signal.SIGINT)
    done = command.end()
    assert done.returncode == 130
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert f"{HINT}hypergraph run held --resume" in done.stderr
    assert damage(tmp_path / "run") == []
    assert saved_step(tmp_path / "run") == before


def test_a_worker_that_is_told_to_stop_saves(started: Start, held: str, tmp_path: Path) -> None:
    """As a system does that ends all processes of a service, or of a job."""
    command = started("run", *new(held, tmp_path / "run"))
    worker = suspended_worker(command)
    before = saved_step(tmp_path / "run")
    worker.terminate()
    worker.resume()
    done = command.end()
    assert done.returncode == 1
    assert "error: training of members 0-0 failed: stopped by SIGTERM, after saving" in done.stderr
    assert HINT in done.stderr
    assert saved_step(tmp_path / "run") > before


def test_a_worker_that_is_killed_is_told(started: Start, held: str, tmp_path: Path) -> None:
    command = started("run", *new(held, tmp_path / "run"))
    suspended_worker(command).kill()
    done = command.end()
    assert done.returncode == 1
    assert "killed by SIGKILL, maybe because memory ran out" in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr


def test_a_resume_that_waits_for_a_worker_of_a_killed_run_can_be_interrupted(
    started: Start, held: str, tmp_path: Path
) -> None:
    killed = started("run", *new(held, tmp_path / "run"))
    orphan = suspended_worker(killed)
    killed.process.kill()
    killed.process.wait()
    resumed = started("run", held, "--resume", "--out", tmp_path / "run")
    resumed.wait_for(lambda: any(map(idles, resumed.workers)))
    resumed.process.send_signal(signal.SIGINT)
    done = resumed.end()
    assert done.returncode == 130
    assert HINT in done.stderr
    orphan.resume()
    orphan.wait()
    assert damage(tmp_path / "run") == []
