"""Kills the head of a cluster that trains, goes on here, and compares the end with a training that nobody interrupted.

PYTHONPATH=tests python -m crash.head
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from clusters import LocalCluster, cluster

from crash.trial import ends_as_here
from hypergraph.engines.local import LocalEngine
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Watched, ignore
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training.recipe import Recipe
from hypergraph_ray.engine import ClusterError, RayEngine, RayOptions

NODES, CHUNKS, STEPS = 2, 4, 600
CONFIG = RunConfig("l1norm", (MLPSpec((4, 6, 1)),), CHUNKS, 0, "cpu", Recipe(steps=STEPS, batch=16), chunk_count=CHUNKS)


class Killer:
    """An observer that kills the head, or its service alone, at a third of the training."""

    def __init__(self, machines: LocalCluster, whole: bool) -> None:
        self._machines, self._whole = machines, whole
        self.killed_at = 0.0

    def __call__(self, event: Event) -> None:
        """Follow what is told."""
        if isinstance(event, Watched) and not self.killed_at and event.metrics.step > STEPS / 3:
            self.killed_at = time.monotonic()
            self._machines.kill_head(self._whole)


def trial(whole: bool, folder: Path) -> bool:
    """Kill the head, or its service alone. Returns whether the end is right."""
    name = "head" if whole else "service"
    run = RunDirectory.create(folder / name, CONFIG)
    with cluster(NODES) as machines, run.lock():
        killer = Killer(machines, whole)
        try:
            RayEngine(RayOptions(machines.address)).train(run, killer)
        except ClusterError as error:
            print(f"the {name} killed, told after {time.monotonic() - killer.killed_at:.0f} s: {error}")
        else:
            print(f"the {name} killed, and nobody noticed")
            return False
    saved = [read_tensors(chunk.state)[1]["step"] for chunk in run.chunks if chunk.state.exists()]
    print(f"{CHUNKS} chunks, steps saved: {', '.join(saved)} of {STEPS}")
    with run.lock():
        LocalEngine().train(run, ignore)
    return ends_as_here(run)


def main() -> int:
    """Returns how many trials failed."""
    folder = Path(tempfile.mkdtemp(prefix="head."))
    return sum(not trial(whole, folder) for whole in (False, True))


if __name__ == "__main__":
    sys.exit(main())
