"""How much longer a training takes on a Ray cluster than with the local engine, on the same cores.

PYTHONPATH=tests python -m benchmarks.cluster [MEMBERS STEPS ROUNDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from clusters import cluster

from hypergraph.engines.base import Engine
from hypergraph.engines.local import LocalEngine, usable_cores
from hypergraph.experiment.plan import Request, plan
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Trained, Watched
from hypergraph_ray.engine import RayEngine, RayOptions


def measured(engine: Engine, config: RunConfig) -> tuple[float, float]:
    """Seconds of a training, in all and between its first event and its last."""
    times: list[float] = []

    def observe(event: Event) -> None:
        if isinstance(event, (Trained, Watched)):
            times.append(time.monotonic())

    with tempfile.TemporaryDirectory() as folder:
        run, started = RunDirectory.create(Path(folder) / "run", config), time.monotonic()
        with run.lock():
            engine.train(run, observe)
        return time.monotonic() - started, times[-1] - times[0]


def main(members: int = 8, steps: int = 300, rounds: int = 3) -> None:
    """Let both engines take turns, and print the medians."""
    config = plan(Request("l1norm", members=members, steps=steps), LocalEngine())
    with cluster(1, usable_cores()) as machines:
        engines = {"local": LocalEngine(), "ray": RayEngine(RayOptions(machines.address))}
        seconds = [{name: measured(engine, config) for name, engine in engines.items()} for _ in range(rounds)]
    print(f"{members} members, {steps} steps, {config.chunk_count} chunks, medians of {rounds}:")
    for place, part in enumerate(("in all", "from the first event to the last")):
        local, far = (median(each[name][place] for each in seconds) for name in engines)
        print(f"{part}: local {local:.1f} s, Ray {far:.1f} s, {far / local - 1:+.1%}; {seconds}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
