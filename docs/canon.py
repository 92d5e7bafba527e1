"""Writes the tables and pictures of docs/canon.md from finished runs: python docs/canon.py FOLDER."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from phase_change import MEMBERS
from phase_change_picture import draw_phase_change
from results import span
from tables import DOCS, fill, lines, load
from waves_picture import draw_waves

from hypergraph.figures.phases import wilson
from hypergraph.interfaces import Task
from hypergraph.training.baseline import train_directly
from hypergraph.weights import MLPWeights
from hypergraph_modular.classifier import ModularClassifier
from hypergraph_modular.closed_forms import clock, pizza, random_phases
from hypergraph_modular.task import Modular
from hypergraph_superposition.classifier import SuperpositionClassifier
from hypergraph_superposition.closed_forms import antipodal, dedicated, polygon
from hypergraph_superposition.task import Superposition
from tasks import section

Row = dict[str, Any]
ZHONG = "purity", "agreement", "coherence", "accuracy", "distance_irrelevance", "gradient_symmetry"
RIGHT = 0.99
CHEAP = 1e-8
PRICES = "| beta | algorithms of the members | KL (nats) | accuracy | purity | coherence |"
WIDTHS = "| hidden | at beta 1e-8 | clocks (95 %) | loss | accuracy | purity | coherence | 0.99 right up to |"
ARRANGEMENTS = "| network | label | loss | features | dimensionality | interference |"
PHASES = (
    "| density | importance of the second | labels | antipodal, 95 % interval | lowest loss | the first alone | "
    "the first silences the second |"
)
ADAM_STEPS = 3_000


def numbers(parameters: dict[str, Any]) -> Iterator[str]:
    """The order parameters of a way to add, in the order of the table."""
    yield from (f"{float(parameters[name]):.2f}" for name in ZHONG)


def forms(run: Path) -> Iterator[tuple[object, ...]]:
    """Closed forms beside the best network of a run and the one that Adam trains."""
    result, classifier = load(run), ModularClassifier()
    task = Modular(Modular.Options(**result["options"]))
    adam, _ = MLPWeights.load(run / "analysis/baseline/adam.safetensors")
    best = min(result["networks"], key=lambda row: row["loss"])
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


def arrangements(run: Path) -> Iterator[tuple[object, ...]]:
    """Closed forms beside the best network of a run and those that Adam trains from several seeds."""
    task, rng = Superposition(), torch.Generator().manual_seed(0)
    best = min(load(run)["networks"], key=lambda row: row["loss"])
    adam = [train_directly(task, task.default_spec, seed=seed, steps=ADAM_STEPS) for seed in range(MEMBERS)]
    networks = {
        "closed form": [dedicated(task, rng), antipodal(task, rng), polygon(task, 5, rng)],
        f"generated, beta {best['beta']:.0e}": [MLPWeights.load(run / best["file"])[0]],
        "Adam alone": sorted(adam, key=lambda network: loss(task, network)),
    }
    classifier = SuperpositionClassifier()
    for name, made in networks.items():
        for network in made:
            parameters = classifier.order_parameters(network)
            (label,) = classifier.classify(parameters)
            told = (f"{float(parameters[key]):.2f}" for key in ("dimensionality", "interference"))
            yield name, label, f"{loss(task, network):.3f}", int(parameters["features"]), *told


def phase_change(cells: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """What the networks of each cell are, and what the first feature loses alone, and where it silences the second."""
    for key, networks in cells.items():
        density, importance = map(float, key.split())
        labels = Counter(network["label"] for network in networks)
        low, high = wilson(labels["antipodal"], len(networks))
        told = ", ".join(f"{label} {count}" for label, count in labels.most_common())
        best = min(network["loss"] for network in networks)
        share = importance / (1 + importance)
        alone, silencing = share * (1 - 0.75 * density), share * density
        yield density, importance, told, f"{low:.0%} to {high:.0%}", f"{best:.3f}", f"{alone:.3f}", f"{silencing:.3f}"


def main(folder: Path) -> None:
    """Write the tables and pictures of docs/canon.md; those of runs that are not finished stay as they are."""
    page, parameters = DOCS / "canon.md", " | ".join(ZHONG).replace("_", " ")
    adding, pentagons, cells = folder / "modular", folder / "superposition", folder / "phase-change.json"
    text = page.read_text()
    if finished(adding):
        text = fill(text, "modular", section(adding))
        text = fill(text, "prices", lines(PRICES, by_price(adding)))
        text = fill(text, "forms", lines(f"| network | label | loss | {parameters} |", forms(adding)))
        rows = load(adding)["networks"]
        network, _ = MLPWeights.load(adding / min(rows, key=lambda row: row["loss"])["file"])
        draw_waves(network, rows, DOCS / "pictures" / "modular.png")
    if runs := sorted(filter(finished, folder.glob("modular-width*")), key=width):
        text = fill(text, "widths", lines(WIDTHS, widths(runs)))
    if finished(pentagons):
        text = fill(text, "superposition", section(pentagons))
        text = fill(text, "arrangements", lines(ARRANGEMENTS, arrangements(pentagons)))
    if cells.is_file():
        found = json.loads(cells.read_text())
        text = fill(text, "phase-change", lines(PHASES, phase_change(found)))
        draw_phase_change(pentagons, found, DOCS / "pictures" / "superposition.png")
    page.write_text(text)


def width(run: Path) -> int:
    return int(run.name.removeprefix("modular-width"))


def finished(run: Path) -> bool:
    return (run / "result.json").is_file()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
