"""Counts the programs that are found and those that should not be: python docs/programs.py RUN..."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy.stats import binomtest
from tables import DOCS, fill, lines, load
from torch import Tensor

import hypergraph as hg
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.programs.explain import Explanation, explain
from hypergraph.programs.sizes import resize
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, build_module

CHEAP = 1e-6
"""Low prices are those up to this one."""
EACH = 60
"""Most networks of a kind."""
PAPER = Path("runs/results/paper")
"""The run of docs/results.md, which has puddings of both signs."""
SIZES = (32, 64)
"""Numbers of inputs for which programs are written."""
HEADER = "| networks | explained | with a short program | of these, all four | numbers | bits | R² | loss ratio |"


class Row(NamedTuple):
    """Networks of one kind, and what was found in them."""

    name: str
    found: list[Explanation]

    def cells(self) -> Iterator[object]:
        """Counts with their 95 % intervals, and the medians of short programs."""
        short = [one for one in self.found if one.short]
        yield from (self.name, len(self.found), _counted(len(short), len(self.found)))
        if not short:
            yield from [""] * 5
            return
        yield _counted(sum(map(_is_good, short)), len(self.found))
        yield _median(one.numbers for one in short)
        yield f"{_median(one.bits for one in short):.0f}"
        yield f"{_median(one.r2 for one in short):.4f}"
        yield f"{_median(map(_ratio, short)):.2f}"


def _counted(count: int, total: int) -> str:
    low, high = binomtest(count, total).proportion_ci(method="exact")
    return f"{count} ({low:.0%} to {high:.0%})"


def _median(values: Iterable[float | None]) -> float:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2]


def _ratio(found: Explanation) -> float:
    assert found.loss_before is not None
    assert found.loss_after is not None
    return found.loss_after / found.loss_before


def _is_good(found: Explanation) -> bool:
    """At most 8 numbers and 150 bits, R² of at least 0.98, and at most 1.1 times the loss."""
    assert found.numbers is not None
    assert found.bits is not None
    assert found.r2 is not None
    return found.numbers <= 8 and found.bits <= 150 and found.r2 >= 0.98 and _ratio(found) <= 1.1


def generated(runs: list[Path], chosen: Callable[[dict[str, Any]], bool]) -> list[MLPWeights]:
    """Networks that are chosen by their rows in result.json, evenly from the runs and their prices."""
    found = [run / row["file"] for run in runs for row in load(run)["networks"] if chosen(row)]
    count = min(EACH, len(found))
    return [MLPWeights.load(found[n * len(found) // count])[0] for n in range(count)]


def is_cheap_double_sided(row: dict[str, Any]) -> bool:
    """At a low price."""
    return bool(row["algorithm"] == "double-sided" and row["beta"] <= CHEAP)


def is_positive_pudding(row: dict[str, Any]) -> bool:
    """With strong weights that are negative, as the classifier tells them apart."""
    return bool(row["algorithm"] == "pudding" and row["order_parameters"]["assigned_sign"] < 0)


def fresh(spec: MLPSpec) -> Iterator[MLPWeights]:
    """Networks as torch starts them."""
    for seed in range(EACH):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield hg.load_network(build_module(spec))


def shuffled(networks: Iterable[MLPWeights]) -> Iterator[MLPWeights]:
    """Networks with the numbers of each tensor in random order."""
    rng = stream("shuffled")

    def mixed(tensor: Tensor) -> Tensor:
        return tensor.flatten()[torch.randperm(tensor.numel(), generator=rng)].reshape(tensor.shape)

    return (network.map(mixed) for network in networks)


def from_generator(name: str) -> Iterator[MLPWeights]:
    """A network of a shipped generator at every other price."""
    return (hg.generate(name, beta) for beta in BETA_GRID[::2])


def rows(runs: list[Path], task: Task) -> Iterator[Row]:
    """Each kind of network, explained."""
    low = generated(runs, is_cheap_double_sided)
    kinds = {
        "double-sided, beta up to 1e-6": low,
        "negative pudding of `l1norm/random`": from_generator("l1norm/random"),
        "negative pudding of `l1norm/sizes`": from_generator("l1norm/sizes"),
        f"positive pudding of `{PAPER}`": generated([PAPER], is_positive_pudding),
        "convexity": generated(runs, lambda row: row["algorithm"] == "convexity"),
        "as torch starts them": fresh(low[0].spec),
        "double-sided, shuffled": shuffled(low),
    }
    for name, networks in kinds.items():
        found = []
        for network in networks:
            found.append(explain(network, task))
            print(f"\r{name}: {len(found)}  ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        yield Row(name, found)


def section(runs: list[Path]) -> Iterator[str]:
    """What is found, and how good programs are at other sizes beside a generator made for all sizes."""
    task = TASKS.load("l1norm")
    told = list(rows(runs, task))
    yield f"`python docs/programs.py {' '.join(map(str, runs))}`:"
    yield ""
    yield from lines(HEADER, (row.cells() for row in told))
    yield ""
    short = [one for one in told[0].found if one.short]
    for inputs in SIZES:
        spec = MLPSpec((inputs, 3 * inputs, 1))
        losses = [resize(one, spec, task).loss_after or 0.0 for one in short[:10]]
        network = hg.generate("l1norm/sizes", CHEAP, layers=spec)
        inputs_, targets = task.sample(spec, 4096, stream("sizes"))
        generator = float(task.loss(network(inputs_), targets))
        yield f"At {spec}, {len(losses)} of the double-sided programs lose {min(losses):.4f} to {max(losses):.4f};"
        yield f"`l1norm/sizes`, a generator that was trained for many sizes, {generator:.4f}."


def main(runs: list[Path]) -> None:
    """Fill the section of the page."""
    page = DOCS / "discovery.md"
    page.write_text(fill(page.read_text(), "programs", section(runs)))


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
