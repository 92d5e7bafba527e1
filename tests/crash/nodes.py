"""Kills nodes of a cluster at random while they train, and compares the end with a training here.

PYTHONPATH=tests python -m crash.nodes KILLS [MEMBERS]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from clusters import LocalCluster, cluster

from crash.trial import ends_as_here
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Members, Noticed, Trained, Watched
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph_ray.engine import RayEngine, RayOptions

NODES, MEMBERS, MEMBERS_A_CHUNK, STEPS = 4, 64, 4, 600
SPEC = MLPSpec((4, 6, 1))


class Killer:
    """An observer that kills a random node, and adds another, whenever the training comes to a random point.

    Attributes:
        kills: how many there were.
        notices: what was told of chunks.
        repeated: steps that a chunk did again, by death of its actor; and how many chunks began anew.
    """

    def __init__(self, machines: LocalCluster, kills: int, members: int, seed: int) -> None:
        self._machines, self._rng = machines, random.Random(seed)
        self._points = sorted(self._rng.uniform(0.01, 0.97) * members * STEPS for _ in range(kills))
        self._steps: Counter[Members] = Counter()
        self._before: dict[Members, int] = {}
        self.kills = self.anew = 0
        self.repeated: list[int] = []
        self.notices: list[str] = []

    def __call__(self, event: Event) -> None:
        """Follow what is told."""
        if isinstance(event, Noticed):
            self.notices.append(event.text)
        elif isinstance(event, (Trained, Watched)):
            self._follow(event.members, event.step if isinstance(event, Trained) else event.metrics.step)
        done = sum((last - first + 1) * steps for (first, last), steps in self._steps.items())
        if self._points and done >= self._points[0]:
            self._points.pop(0)
            self._machines.kill(self._rng.choice(self._machines.nodes))
            self._machines.add()
            self.kills += 1

    def _follow(self, members: Members, step: int) -> None:
        before = self._before.get(members, 0)
        if step < before:  # it goes on from the state before this step
            self.repeated.append(before - step + 1)
            self.anew += step < STEPS // 20
        self._before[members] = step
        self._steps[members] = max(self._steps[members], step)


def main(kills: int, members: int = MEMBERS, seed: int = 0) -> int:
    """Kill as often. Returns the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="nodes."))
    recipe = Recipe(steps=STEPS, batch=16)
    config = RunConfig("l1norm", (SPEC,), members, seed, "cpu", recipe, chunk_count=members // MEMBERS_A_CHUNK)
    run = RunDirectory.create(folder / "there", config)
    print(f"in {folder}", flush=True)
    with cluster(NODES) as machines, run.lock():
        killer, started = Killer(machines, kills, members, seed), time.monotonic()
        RayEngine(RayOptions(machines.address)).train(run, killer)
    seconds = time.monotonic() - started
    print("\n".join(killer.notices))
    steps, resumed = config.chunk_count * STEPS, len(killer.repeated)
    print(f"{members} members in {config.chunk_count} chunks, {NODES} nodes, {seconds:.0f} s, {killer.kills} kills")
    print(
        f"{resumed} times a chunk went on, {killer.anew} times anew; {sum(killer.repeated)} of {steps} steps repeated"
    )
    return int(not ends_as_here(run) or killer.kills < kills)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
