"""A fuzzer that coverage guides: inputs are mutated from valid ones, and from those that reached new code."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from work import Edge

from fuzz.mutate import mutate
from fuzz.targets import Target, attempt, peak_memory


@dataclass
class Tally:
    """What the inputs of one target came to."""

    name: str
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak: int = 0
    edges: set[Edge] = field(default_factory=set)
    corpus: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.accepted + self.refused + len(self.failures)

    def __str__(self) -> str:
        counts = f"{self.inputs:7,} inputs, {self.accepted:6,} accepted, {self.refused:7,} refused"
        reached = f"{len(self.edges):5,} edges by {self.corpus:3} kept"
        costs = f"slowest {self.slowest:.2f} s, peak {self.peak / 1e6:.0f} MB"
        return f"{self.name:>22}: {counts}, {reached}, {costs}, {len(self.failures)} failures"


def fuzz(target: Target, inputs: int, seed: int, folder: Path) -> Tally:
    """Read as many inputs, which follow from the seed."""
    tally, random = Tally(target.name), Random(f"{seed} {target.name}")
    valid, corpus = target.seeds(), list(target.seeds())
    for number in range(inputs):
        origin = random.choice(random.choice((valid, corpus)))
        data = valid[number] if number < len(valid) else mutate(random, origin, corpus)
        edges: set[Edge] = set()
        started = time.monotonic()
        try:
            refused = attempt(target, data, folder, edges)
            tally.refused, tally.accepted = tally.refused + bool(refused), tally.accepted + (not refused)
        except KeyboardInterrupt:
            raise
        except BaseException:
            tally.failures.append(f"{data[:2000]!r}\n{traceback.format_exc(limit=-8)}")
        tally.slowest = max(tally.slowest, time.monotonic() - started)
        tally.peak = max(tally.peak, peak_memory())
        if edges - tally.edges:
            tally.edges |= edges
            corpus.append(data)
    tally.corpus = len(corpus)
    return tally
