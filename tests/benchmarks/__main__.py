"""make bench: how fast training and generation are, against other ways to compute the same. Ratios, not seconds.

PYTHONPATH=tests python -m benchmarks [FILE.json [PART ...]]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.race import CORES, PRODUCT, Entry, Figures, ask, race, ratio
from hypergraph.engines.base import MIN_WEIGHTS_FOR_THREADS
from hypergraph.model.kernel import BLOCKS

Row = dict[str, Any]
LARGE_PRODUCT = Entry("any", "product", "1,1", threads=CORES)
PRODUCT_OPERATIONS = 2 * PRODUCT**3
DECADES = ["4,8,1", "8,44,1", "16,48,1", "40,100,1", "196,200,10", "784,512,10"]
"""Networks of 40 to 406,528 weights."""


def shape(layers: str) -> tuple[int, int, int]:
    """Weights, pairs of weights that attend to each other at a neuron, and pairs if every neuron had the most."""
    sizes = [0, *map(int, layers.split(",")), 0]
    degrees = [(sizes[n], sizes[n - 1] + sizes[n + 1]) for n in range(1, len(sizes) - 1)]
    most = max(degree for _, degree in degrees)
    weights = sum(a * b for a, b in pairwise(sizes))
    return weights, sum(n * d * d for n, d in degrees), sum(n for n, _ in degrees) * most**2


def eager_fits(layers: str, work: str) -> bool:
    """Whether what the eager implementation holds of padded scores, several of each kind, leaves memory free."""
    copies = 4 if work == "generation" else 4 * 2 * 3
    return bool(shape(layers)[2] * 4 * copies < 0.7 * psutil.virtual_memory().available)


def oracle_fits(layers: str) -> bool:
    """Whether the oracle, which lists every pair in Python, ends in reasonable time."""
    return shape(layers)[1] < 200_000


def measure(
    entries: dict[str, Entry], layers: str, work: str, members: int = 1, rounds: int = 5, cpu: bool = False
) -> Row:
    """Seconds per member of each entry, how many times longer than the first it takes, and the floor.

    The floor is the time of the counted operations at the rate of a large matrix product in the same race.
    """
    product_entry = LARGE_PRODUCT._replace(threads=1) if cpu else LARGE_PRODUCT
    figures = race({**entries, "product": product_entry}, rounds, cpu)
    product, first = figures.pop("product"), next(iter(figures))
    operations = int(ask("operations", layers, work))
    floor = Figures([s * operations / PRODUCT_OPERATIONS for s in product.seconds], 0)
    row: Row = {"layers": layers, "work": work, "members": members, "weights": shape(layers)[0]}
    row |= {"operations": operations, "product_rate": PRODUCT_OPERATIONS / product.median}
    row["seconds_per_member"] = {name: figure.median / entries[name].members for name, figure in figures.items()}
    row["peak_bytes"] = {name: figure.peak for name, figure in figures.items()}
    row["ratio"] = {
        name: ratio(figure, figures[first]) * entries[first].members / entries[name].members
        for name, figure in figures.items()
    }
    row["of_floor"] = ratio(floor, figures[first]) * members
    return row


def training(members: int) -> Row:
    """Training steps at (16, 48, 1): as `hypergraph run` does them, and in other ways."""
    layers, processes = "16,48,1", min(CORES, members)
    ways = {
        "run": Entry("compiled", "training", layers, members, processes),
        "operators": Entry("operators", "training", layers, members, processes),
        "eager": Entry("eager", "training", layers, members, 1, CORES),
        "eager/core": Entry("eager", "training", layers, members, processes),
        "oracle": Entry("oracle", "training", layers, processes, processes),
    }
    if processes == 1:
        del ways["eager/core"]
    return measure(ways, layers, "training", members)


def one_core(members: int) -> Row:
    """Training steps at (16, 48, 1), in seconds of one core; JAX where it is installed."""
    jax = ["jax"] * (find_spec("jax") is not None)
    layers, kinds = "16,48,1", ["compiled", "operators", "torch.compile", "eager", *jax]
    ways = {kind: Entry(kind, "training", layers, members) for kind in kinds}
    ways["oracle"] = Entry("oracle", "training", layers)
    return measure(ways, layers, "training", members, cpu=True)


def generation(layers: str) -> Row:
    """Generation without the encoder, on all cores."""
    kinds = ["compiled", "operators", *["eager"] * eager_fits(layers, "generation")]
    return measure({kind: Entry(kind, "generation", layers, 1, 1, CORES) for kind in kinds}, layers, "generation", 1, 3)


def scaling(layers: str) -> Row:
    """One training step of one member, on all cores from MIN_WEIGHTS_FOR_THREADS weights on as in `hypergraph run`."""
    weights, pairs, _ = shape(layers)
    threads = CORES if weights >= MIN_WEIGHTS_FOR_THREADS else 1
    kinds = ["compiled", *["eager"] * eager_fits(layers, "training"), *["oracle"] * oracle_fits(layers)]
    entries = {kind: Entry(kind, "training", layers, 1, 1, threads) for kind in kinds}
    entries["rest"] = Entry("rest", "training", layers, 1, 1, threads)
    return measure(entries, layers, "training", 1, 3) | {"pairs": pairs}


def show_shares(console: Console, rows: dict[str, dict[str, float]]) -> None:
    """Where the time of a training step goes."""
    table = Table(box=MARKDOWN, title="Shares of a training step")
    for heading in ("", *rows):
        table.add_column(heading, justify="right")
    for part in next(iter(rows.values())):
        table.add_row(part, *(f"{shares[part]:.0%}" for shares in rows.values()))
    console.print(table)


def commands() -> Row:
    """Least seconds of five cold starts."""
    with tempfile.TemporaryDirectory() as folder:
        network = str(Path(folder) / "network.safetensors")
        lines = {
            "hypergraph --help": ["--help"],
            "hypergraph generate": ["generate", "l1norm/memorised", "--beta", "1e-8", "--out", network],
        }
        return {name: min(_seconds(line) for _ in range(5)) for name, line in lines.items()}


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("hypergraph")), *arguments]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def show_ways(console: Console, rows: list[Row], title: str) -> None:
    """How many times as long as the first way each takes."""
    names = list(dict.fromkeys(name for row in rows for name in row["ratio"]))
    table = Table(box=MARKDOWN, title=title)
    for heading in ("network", "members", *names, "of the floor"):
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [f"{row['ratio'][name]:.2f} x" if name in row["ratio"] else "-" for name in names]
        table.add_row(row["layers"], str(row["members"]), *cells, f"{row['of_floor']:.0%}")
    console.print(table)


def show_scaling(console: Console, rows: list[Row]) -> None:
    """What a training step costs per weight, and the rest of it without attention, relative to a large network."""
    table = Table(box=MARKDOWN, title="A training step of one member against the size of the network")
    columns = ["weights", "pairs/weight", "eager", "oracle", "time/weight", "attention/pair", "rest/weight", "peak"]
    for heading in columns:
        table.add_column(heading, justify="right")
    costs = [_costs(row) for row in rows]
    reference = next(cost for cost, row in zip(costs, rows, strict=True) if row["weights"] >= MIN_WEIGHTS_FOR_THREADS)
    for row, cost in zip(rows, costs, strict=True):
        ways = [f"{row['ratio'][name]:.1f} x" if name in row["ratio"] else "-" for name in ("eager", "oracle")]
        relative = [f"{part / whole:.2f}" for part, whole in zip(cost, reference, strict=True)]
        peak = f"{row['peak_bytes']['compiled'] / 1e9:.2f} GB"
        table.add_row(f"{row['weights']:,}", f"{row['pairs'] / row['weights']:.0f}", *ways, *relative, peak)
    console.print(table)
    console.print(
        f"time, attention and rest: relative to the first network of at least {MIN_WEIGHTS_FOR_THREADS:,} weights"
    )


def _costs(row: Row) -> tuple[float, float, float]:
    """Seconds of a step per weight, of its attention per pair, and of the rest per weight."""
    whole, rest = (row["seconds_per_member"][name] for name in ("compiled", "rest"))
    return whole / row["weights"], (whole - rest) / row["pairs"], rest / row["weights"]


def show(console: Console, report: Row) -> None:
    """Print everything that was measured."""
    titles = {
        "training": "Training steps: how many times as long as in `hypergraph run`",
        "one core": "Training steps in seconds of one core: how many times as long as compiled",
        "generation": "Generation without the encoder: how many times as long as compiled",
    }
    for part, title in titles.items():
        if part in report:
            show_ways(console, report[part], title)
    if find_spec("jax") is None:
        console.print("JAX is not installed (pip install -e '.[jax]'), and was not measured")
    for row in report.get("generation", []):
        seconds, peak = row["seconds_per_member"]["compiled"], row["peak_bytes"]["compiled"] / 1e9
        console.print(f"{row['layers']}: {row['weights']:,} weights, {seconds:.1f} s, {peak:.2f} GB")
    if "scaling" in report:
        show_scaling(console, report["scaling"])
    if "shares" in report:
        show_shares(console, report["shares"])
    for name, seconds in report.get("commands", {}).items():
        console.print(f"{name}: {seconds:.2f} s from a cold start")


def main() -> None:
    """Measure everything or some parts, print tables, write JSON to the file named as argument, if any."""
    console = Console(width=120)
    if BLOCKS == "torch operators":
        console.print("the compiled hypernetwork is missing: 'compiled' and 'run' use torch operators")
    measured: dict[str, Callable[[], object]] = {
        "training": lambda: [training(members) for members in (1, 8, 33)],
        "one core": lambda: [one_core(members) for members in (1, 4, 8, 33)],
        "generation": lambda: [generation(layers) for layers in ("784,512,10", "256,256,256,256,10")],
        "scaling": lambda: [scaling(layers) for layers in DECADES],
        "shares": lambda: {
            "16,48,1, 1 member": json.loads(ask("shares", "16,48,1", 1)),
            "16,48,1, 4 members": json.loads(ask("shares", "16,48,1", 4)),
            "40,100,1, 1 member": json.loads(ask("shares", "40,100,1", 1)),
        },
        "commands": commands,
    }
    report: Row = {"cores": CORES}
    for name in sys.argv[2:] or measured:
        with console.status(f"measuring {name}"):
            report[name] = measured[name]()
    show(console, report)
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
