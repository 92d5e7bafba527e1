"""Where the processor's time of a training step goes, on one thread: python -m benchmarks.shares LAYERS MEMBERS."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.contestant import training_step
from hypergraph.model.generator import Generator
from hypergraph.model.kernel import binding
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.spec import MLPSpec
from hypergraph.training import optimizer, step
from hypergraph.training.optimizer import ParetoAdam
from hypergraph.training.recovery import Recovery

STEPS = 50
PARTS: list[tuple[str, Any, str]] = [
    ("the compiled hypernetwork", binding, "_call"),
    ("Adam, compiled", optimizer, "compiled_adam"),
    ("Adam, the rest", ParetoAdam, "step"),
    ("the hyperhypernetwork, there", ParetoHyperhypernetwork, "forward"),
    ("the way back but for the hypernetwork", torch.Tensor, "backward"),
    ("random draws", Generator, "draw"),
    ("random draws", step, "draw_beta"),
    ("random draws", step, "restart"),
    ("noting who diverged", Recovery, "note"),
    ("noting who diverged", Recovery, "recover"),
]
"""A part, and a function whose time is its, but for other parts within."""
REST = "the generated network, its loss, and Python"


class Stopwatch:
    """Gives every moment of the processor to the innermost part that runs."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._running, self._since = [REST], time.process_time()

    def _settle(self) -> None:
        now = time.process_time()
        self.spent[self._running[-1]] += now - self._since
        self._since = now

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The same function as a piece of a part."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self._settle()
            self._running.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._settle()
                self._running.pop()

        return call

    def shares(self) -> dict[str, float]:
        """Part -> its share of the time since the last call."""
        self._settle()
        whole = sum(self.spent.values())
        found = {part: self.spent[part] / whole for part in dict.fromkeys([*(part for part, _, _ in PARTS), REST])}
        self.spent.clear()
        return found


def shares(layers: str, members: int) -> dict[str, float]:
    """Part of the step -> its share of the time."""
    torch.set_num_threads(1)
    watch = Stopwatch()
    for part, owner, name in PARTS:
        setattr(owner, name, watch.timed(getattr(owner, name), part))
    run = training_step("compiled", MLPSpec(tuple(map(int, layers.split(",")))), members)
    for _ in range(3):
        run()
    watch.shares()
    for _ in range(STEPS):
        run()
    return watch.shares()


if __name__ == "__main__":
    print(json.dumps(shares(sys.argv[1], int(sys.argv[2]))))
