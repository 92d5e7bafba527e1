"""Writes the tables and pictures of docs/canon.md from finished runs: python docs/canon.py FOLDER."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from default_runs import load
from phase_change import DENSITIES, IMPORTANCES, MEMBERS
from phase_change_picture import draw_phase_change
from results import DOCS, fill, lines, span
from ship_generator import command
from waves_picture import draw_waves

from hypergraph.figures.phases import wilson
from hypergraph.interfaces import Task
from hypergraph.weights import MLPWeights
from hypergraph_modular.classifier import ModularClassifier
from hypergraph_modular.closed_forms import clock, pizza, random_phases
from hypergraph_modular.task import Modular
from tasks import section

Row = dict[str, Any]
ZHONG = "purity", "agreement", "coherence", "accuracy", "distance_irrelevance", "gradient_symmetry"
RIGHT = 0.99
CHEAP = 1e-8


def numbers(parameters: dict[str, Any]) -> Iterator[str]:
    """The order parameters of a way to add, in the order of the table."""
    yield from (f"{float(parameters[name]):.2f}" for name in ZHONG)


def forms(run: Path) -> Iterator[tuple[object, ...]]:
    """Closed forms beside the best network of a run and the one that Adam trains."""
    task, classifier = Modular(), ModularClassifier()
    adam, _ = MLPWeights.load(run / "analysis/baseline/adam.safetensors")
    best = min(load(run)["networks"], key=lambda row: row["loss"])
    generated, _ = MLPWeights.load(run / best["file"])
    made = {
        form.__name__: form(task.default_spec, torch.Generator().manual_seed(0))
        for form in (clock, pizza, random_phases)
    }
    for name, network in {**made, "Adam alone": adam, f"generated, beta {best['beta']:.0e}": generated}.items():
        parameters = classifier.order_parameters(network)
        (label,) = classifier.classify(parameters)
        yield name.replace("_", " "), label, f"{loss(task, network):.4f}", *numbers(parameters)


def loss(task: Task, network: MLPWeights) -> float:
    inputs, targets = task.sample(network.spec, 10_000, torch.Generator().manual_seed(1))
    return float(task.loss(network(inputs), targets))


def by_price(run: Path) -> Iterator[tuple[object, ...]]:
    """What all members of a run do at every fifth price."""
    networks = load(run)["networks"]
    for beta in sorted({row["beta"] for row in networks})[::5]:
        rows = [row for row in networks if row["beta"] == beta]
        parameters = [row["order_parameters"] for row in rows]
        ranges = (span((found[name] for found in parameters), ".2f") for name in ("accuracy", "purity", "coherence"))
        yield f"{beta:.0e}", labels(rows), span((row["kl"] for row in rows), ".0f"), *ranges


def labels(rows: list[Row]) -> str:
    return ", ".join(f"{label} {count}" for label, count in Counter(row["algorithm"] for row in rows).most_common())


def widths(runs: list[Path]) -> Iterator[tuple[object, ...]]:
    """Which algorithm comes at which hidden width where information is cheap, and up to which price it adds rightly."""
    for result in map(load, runs):
        cheap = [row for row in result["networks"] if row["beta"] == closest(result, CHEAP)]
        clocks = sum(row["algorithm"] == "clock" for row in cheap)
        low, high = wilson(clocks, len(cheap))
        parameters = [row["order_parameters"] for row in cheap]
        right = [row["beta"] for row in result["networks"] if row["order_parameters"]["accuracy"] >= RIGHT]
        yield (
            result["specs"][0]["sizes"][1],
            labels(cheap),
            f"{clocks} of {len(cheap)} ({low:.0%} to {high:.0%})",
            span((row["loss"] for row in cheap), ".3f"),
            *(span((found[name] for found in parameters), ".2f") for name in ("accuracy", "purity", "coherence")),
            f"{max(right):.0e}" if right else "none",
        )


def closest(result: Row, beta: float) -> float:
    return min((row["beta"] for row in result["networks"]), key=lambda other: abs(other / beta - 1))


def unseen(run: Path) -> Iterator[str]:
    """At how many prices the members of a run add pairs that training never saw."""
    result = load(run)
    rows = result["networks"]
    yield f"`{command(result)}`:"
    yield ""
    told = []
    for member in range(result["members"]):
        own = [row for row in rows if row["member"] == member]
        best = max(own, key=lambda row: row["order_parameters"]["accuracy"])
        right = sum(row["order_parameters"]["accuracy"] >= RIGHT for row in own)
        accuracy = best["order_parameters"]["accuracy"]
        lowest = min(row["loss"] for row in own)
        told.append((member, labels(own), right, f"{accuracy:.3f} at {best['beta']:.0e}", f"{lowest:.3f}"))
    header = (
        "| member | algorithms | prices at accuracy 0.99 | best accuracy, of all pairs | lowest loss, of unseen pairs |"
    )
    yield from lines(header, told)


def phase_change(cells: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """What the networks of each density are, over all importances."""
    for density in DENSITIES:
        here = [cells[f"{density} {importance}"] for importance in IMPORTANCES]
        best = Counter(min(networks, key=lambda network: network["loss"])["label"] for networks in here)
        every = Counter(network["label"] for networks in here for network in networks)
        low, high = wilson(every["antipodal"], len(here) * MEMBERS)
        told = (", ".join(f"{label} {count}" for label, count in found.most_common()) for found in (best, every))
        yield density, *told, f"{low:.0%} to {high:.0%}"


def main(folder: Path) -> None:
    """Write every table and both pictures of docs/canon.md."""
    page = DOCS / "canon.md"
    narrow = sorted(folder.glob("modular-width*"), key=lambda run: int(run.name.removeprefix("modular-width")))
    cells = json.loads((folder / "phase-change.json").read_text())
    parameters = " | ".join(ZHONG).replace("_", " ")
    tables = {
        "modular": section(folder / "modular"),
        "prices": lines(
            "| beta | algorithms of the members | KL (nats) | accuracy | purity | coherence |",
            by_price(folder / "modular"),
        ),
        "forms": lines(f"| network | label | loss | {parameters} |", forms(folder / "modular")),
        "widths": lines(
            "| hidden | at beta 1e-8 | clocks (95 %) | loss | accuracy | purity | coherence | 0.99 right up to |",
            widths(narrow),
        ),
        "unseen": unseen(folder / "modular-unseen"),
        "superposition": section(folder / "superposition"),
        "phase-change": lines(
            f"| density | the best of {MEMBERS} at each importance | all | antipodal, 95 % interval |",
            phase_change(cells),
        ),
    }
    text = page.read_text()
    for name, rows in tables.items():
        text = fill(text, name, rows)
    page.write_text(text)
    draw_waves(folder / "modular", narrow, DOCS / "pictures" / "modular.png")
    draw_phase_change(folder / "superposition", cells, DOCS / "pictures" / "superposition.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
