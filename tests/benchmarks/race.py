"""Contestants take turns, so that their ratios hold on a machine whose speed drifts."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypergraph.engines.process import KEEP_MEMORY

CORES = len(os.sched_getaffinity(0))
PYTHONPATH = {"PYTHONPATH": str(Path(__file__).parent.parent)}
PRODUCT = 2048
"""Rows and columns of the matrices whose product gives the floor."""
TURN = 0.7
"""Seconds that a turn should take at least."""


class Entry(NamedTuple):
    """What to run: `members` are divided among `processes`, each with `threads`."""

    kind: str
    work: str
    layers: str
    members: int = 1
    processes: int = 1
    threads: int = 1


class Figures(NamedTuple):
    """What came out: seconds of one time in each round, and the most memory held, over all processes, in bytes."""

    seconds: list[float]
    peak: int

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Contestant:
    """The processes of one entry. With `cpu`, seconds are those of processors, which other work takes no part of."""

    def __init__(self, entry: Entry, cpu: bool) -> None:
        self.cpu = cpu
        self.workers = [_start(entry, members) for members in _divide(entry.members, entry.processes)]
        self.times, self.peak = 1, 0
        if self.turn() < TURN:  # the first time also gets ready
            self.times = max(1, round(TURN / self.turn()))

    def turn(self) -> float:
        """Run on all processes at once. Returns the seconds of one time."""
        started = time.perf_counter()
        for worker in self.workers:
            print(self.times, file=worker.stdin, flush=True)
        answers = [json.loads(worker.stdout.readline()) for worker in self.workers]  # type: ignore[union-attr]
        self.peak = sum(answer["peak"] for answer in answers)
        if self.cpu:
            return float(sum(answer["cpu"] for answer in answers))
        return (time.perf_counter() - started) / self.times

    def close(self) -> None:
        for worker in self.workers:
            worker.communicate()


def race(entries: dict[str, Entry], rounds: int, cpu: bool = False) -> dict[str, Figures]:
    """Let all entries take turns."""
    contestants = {name: Contestant(entry, cpu) for name, entry in entries.items()}
    seconds: dict[str, list[float]] = {name: [] for name in entries}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            seconds[name].append(contestant.turn())
    for contestant in contestants.values():
        contestant.close()
    return {name: Figures(seconds[name], contestants[name].peak) for name in entries}


def ratio(slow: Figures, fast: Figures) -> float:
    """The median over rounds of how many times longer `slow` takes."""
    return statistics.median(a / b for a, b in zip(slow.seconds, fast.seconds, strict=True))


def _divide(members: int, processes: int) -> list[int]:
    cuts = [members * part // processes for part in range(processes + 1)]
    return [b - a for a, b in pairwise(cuts)]


def _start(entry: Entry, members: int) -> subprocess.Popen[str]:
    arguments = [entry.kind, entry.work, entry.layers, str(members), str(entry.threads)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.contestant", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **PYTHONPATH, **({} if entry.work == "generation" else KEEP_MEMORY)},
    )


def ask(module: str, *arguments: object) -> str:
    """What a module of this package prints, in a process of its own, so that this one stays small."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    environment = {**os.environ, **PYTHONPATH, **KEEP_MEMORY}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
