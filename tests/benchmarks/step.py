"""Training steps per second at (16, 48, 1), with the compiled blocks and with torch operators instead.

The two take turns in one process, so that the ratio holds on a machine whose speed drifts. Prints a table and writes
JSON to the file named as argument, if any.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import torch

from hypergraph.model import hyperlayer
from hypergraph.model.compiled import available
from hypergraph.training.recipe import Recipe
from hypergraph.training.trainer import Trainer
from hypergraph_l1norm.task import L1Norm

ROUNDS, STEPS = 15, 3


def seconds_per_step(trainer: Trainer, compiled: bool) -> float:
    """Seconds of one step, with the blocks of a hyperlayer compiled or not."""
    hyperlayer.available = available if compiled else lambda _: False
    started = time.perf_counter()
    for _ in range(STEPS):
        trainer.step()
    return (time.perf_counter() - started) / STEPS


def measure(members: int) -> dict[str, float]:
    """Member-steps per second of both, and the median of their ratios pair by pair."""
    task = L1Norm()
    trainer = Trainer(task, task.default_spec, Recipe(steps=10_000), 0, range(members), torch.device("cpu"))
    pairs = [(seconds_per_step(trainer, True), seconds_per_step(trainer, False)) for _ in range(ROUNDS)]
    compiled, operators = (statistics.median(side) for side in zip(*pairs[2:], strict=True))
    ratio = statistics.median(slow / fast for fast, slow in pairs[2:])
    return {"members": members, "compiled": members / compiled, "operators": members / operators, "ratio": ratio}


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = [measure(members) for members in (1, 2, 8)]
    print("members  member-steps/s, compiled blocks  with torch operators  ratio")
    for row in rows:
        print("{members:7}  {compiled:31.1f}  {operators:20.1f}  {ratio:5.2f}".format(**row))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(rows, indent=2))
