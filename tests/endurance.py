"""Watches the processes of a real run from outside: PYTHONPATH=tests python -m endurance 20000 (steps)."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from processes import HYPERGRAPH, Running

ALLOWED = 8 * 2**20
"""Bytes by which a process may grow between the first tenth of its training and the last."""


class Watched(NamedTuple):
    """A look at a process: the step its training is at, bytes in memory, open files, threads."""

    step: int
    memory: int
    files: int
    threads: int


def main(steps: int) -> int:
    """Train, print what the processes took at every tenth of the steps, and return the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="endurance.")) / "run"
    words = ["l1norm", "--layers", "4,8,1", "--members", "1", "--steps", str(steps), "--out", str(folder)]
    command = Running(*HYPERGRAPH, "run", *words)
    chunk = folder / "training/0-0"
    seen: dict[str, list[Watched]] = {"run": [], "worker": []}
    while not (chunk / "trained.safetensors").exists() and command.process.poll() is None:
        time.sleep(0.2)
        for role, each in zip(seen, [psutil.Process(command.process.pid), *command.workers], strict=False):
            _look(seen[role], each, _step(chunk / "metrics.jsonl"))
    assert command.end().returncode == 0
    return max(_report(role, looks, steps) for role, looks in seen.items())


def _look(looks: list[Watched], process: psutil.Process, step: int) -> None:
    try:
        with process.oneshot():
            looks.append(Watched(step, process.memory_info().rss, process.num_fds(), process.num_threads()))
    except psutil.Error:  # it has just ended
        pass


def _step(metrics: Path) -> int:
    return int(json.loads(metrics.read_text().splitlines()[-1])["step"]) if metrics.exists() else 0


def _report(role: str, looks: list[Watched], steps: int) -> int:
    """Print, and return 1 where something grew."""
    tenths = [_summary([look for look in looks if look.step * 10 // steps == tenth]) for tenth in range(1, 10)]
    for _, memory, files, threads in tenths:
        print(f"{role:>6}: {memory / 1e6:.1f} MB, {files} files, {threads} threads", flush=True)
    first, last = tenths[0], tenths[-1]
    print(f"{role:>6} grew by {(last.memory - first.memory) / 1e6:.2f} MB over {steps * 8 // 10} steps")
    return int(last.memory - first.memory > ALLOWED or last[2:] != first[2:])


def _summary(looks: list[Watched]) -> Watched:
    """The most memory and threads; the fewest files, for one may just be written."""
    return Watched(
        max(look.step for look in looks),
        max(look.memory for look in looks),
        min(look.files for look in looks),
        max(look.threads for look in looks),
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
