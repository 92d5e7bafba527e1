"""How long steps and generation take on a GPU, with CUDA graphs and without."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from hypergraph.extensions.registry import TASKS
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer

Row = dict[str, Any]
RECIPE = Recipe(steps=1_000_000)


class Work(NamedTuple):
    """What to measure."""

    kind: str
    """training or generation"""
    layers: tuple[int, ...]
    members: int


class Sizes(NamedTuple):
    """How much to measure."""

    works: tuple[Work, ...]
    rounds: int
    turn: float
    """Seconds that a turn should take at least"""


FULL = Sizes(
    (
        *(Work("training", (16, 48, 1), members) for members in (1, 8, 33, 256)),
        Work("training", (196, 200, 1), 1),
        Work("training", (784, 512, 1), 1),
        Work("generation", (784, 512, 10), 1),
        Work("generation", (256, 256, 256, 256, 10), 1),
    ),
    rounds=5,
    turn=1.0,
)
SMALL = Sizes((Work("training", (4, 6, 1), 1), Work("training", (4, 6, 1), 3), Work("generation", (4, 6, 1), 1)), 1, 0)


def measure(work: Work, sizes: Sizes, device: torch.device) -> Row:
    """Seconds of one time with CUDA graphs off and on, taking turns, and the most memory that both held."""
    gc.collect()  # a trainer and its graphs refer to each other
    ways = {"off": _work(work, device, graphs=False)}
    if work.kind == "training":
        ways["on"] = _work(work, device, graphs=True)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = {name: _times(run, sizes.turn, device) for name, run in ways.items()}
    rounds = [{name: _seconds(run, times[name], device) for name, run in ways.items()} for _ in range(sizes.rounds)]
    row: Row = {"work": work.kind, "layers": list(work.layers), "members": work.members}
    row["seconds"] = {name: statistics.median(each[name] for each in rounds) for name in ways}
    row["peak_bytes"] = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return row


def _work(work: Work, device: torch.device, graphs: bool) -> Callable[[], object]:
    spec = MLPSpec(work.layers)
    if work.kind == "training":
        trainer = Trainer(TASKS.load("l1norm"), [spec], RECIPE, 0, range(work.members), device)
        trainer.capture(graphs)
        return trainer.step
    host = [stream(0, member) for member in range(work.members)]
    generator = Generator.initial([MLPSpec((1, 1))], host).to(device)  # the decoder depends on no network
    rngs = [stream(0, member, device=device) for member in range(work.members)]
    beta = torch.full((work.members,), 1e-6, device=device)
    return torch.no_grad()(lambda: generator(beta, generator.draw(rngs, [spec]), [spec], encoder=False))


def _times(run: Callable[[], object], turn: float, device: torch.device) -> int:
    """How often to run in a turn; the first times get ready."""
    for _ in range(4):
        run()
    return max(1, round(turn / _seconds(run, 3, device)))


def _seconds(run: Callable[[], object], times: int, device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    for _ in range(times):
        run()
    _wait(device)
    return (time.perf_counter() - started) / times


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
