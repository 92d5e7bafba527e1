"""How much longer a training takes on a Ray cluster than with the local engine, on the same cores.

PYTHONPATH=tests python -m benchmarks.cluster [MEMBERS STEPS ROUNDS]
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from clusters import cluster

from hypergraph.engines.base import Engine
from hypergraph.engines.local import LocalEngine, usable_cores
from hypergraph.experiment.plan import Request, plan
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Trained, Watched
from hypergraph_ray.engine import RayEngine, RayOptions

LOOK_EVERY_S = 0.25
"""What a process computes after the last look at it is not counted."""


class Turn(NamedTuple):
    """What a training took: seconds in all, between its first event and its last, and of processors.

    `worked` are those of the processes that it started, `stood` those of the cluster, which was there before: these
    grow with the time, and so with other work on the machine.
    """

    seconds: float
    between: float
    worked: float
    stood: float


class Meter:
    """Seconds of processors that the processes below this one take, by process, looked at now and then."""

    def __init__(self) -> None:
        self._looks: dict[psutil.Process, float] = {}

    def look(self) -> dict[psutil.Process, float]:
        """What each has taken that was ever there, as far as is known."""
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                self._looks[process] = sum(process.cpu_times()[:2])
        return dict(self._looks)

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Look, in another thread."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(LOOK_EVERY_S):
                self.look()

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def measured(engine: Engine, config: RunConfig) -> Turn:
    """Train once."""
    times: list[float] = []

    def observe(event: Event) -> None:
        if isinstance(event, (Trained, Watched)):
            times.append(time.monotonic())

    meter = Meter()
    before = meter.look()
    with tempfile.TemporaryDirectory() as folder:
        run, started = RunDirectory.create(Path(folder) / "run", config), time.monotonic()
        with run.lock(), meter.looking():
            engine.train(run, observe)
        seconds = time.monotonic() - started
    after = meter.look()
    worked = sum(taken for process, taken in after.items() if process not in before)
    stood = sum(after[process] - taken for process, taken in before.items())
    return Turn(seconds, times[-1] - times[0], worked, stood)


def main(members: int = 8, steps: int = 300, rounds: int = 3) -> None:
    """Let both engines take turns, each first in every other round, and print the medians.

    The overhead is the median over rounds too. Where other work shares the machine, only that in seconds of processors
    means something.
    """
    config = plan(Request("l1norm", members=members, steps=steps), LocalEngine())
    turns: dict[str, list[Turn]] = {"local": [], "ray": []}
    with cluster(1, usable_cores()) as machines:
        engines: dict[str, Engine] = {"local": LocalEngine(), "ray": RayEngine(RayOptions(machines.address))}
        for number in range(rounds):
            for name in list(engines)[:: -1 if number % 2 else 1]:
                turns[name].append(measured(engines[name], config))
                print(name, *(f"{each:.1f}" for each in turns[name][-1]), file=sys.stderr, flush=True)
    print(f"{members} members, {steps} steps, {config.chunk_count} chunks, medians of {rounds} rounds:")
    parts = {"seconds": "in all", "between": "from the first event to the last", "worked": "seconds of processors"}
    for field, part in parts.items():
        local, far = ([getattr(turn, field) for turn in turns[name]] for name in engines)
        more = [b / a - 1 for a, b in zip(local, far, strict=True)]
        span = f"in single rounds {min(more):+.1%} to {max(more):+.1%}"
        print(f"{part}: local {median(local):.1f} s, Ray {median(far):.1f} s, {median(more):+.1%}, {span}")
    stood = median(turn.stood / turn.seconds for turn in turns["ray"])
    print(f"the cluster's own processes take {stood:.1%} of a core besides")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
