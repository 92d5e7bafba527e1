"""Trains the toy model of superposition over density and importance: python docs/phase_change.py FILE.json.

Two features in one dimension, MEMBERS hypernetworks a cell. What is written is every network's label and loss; cells
that the file has are not trained again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import product
from pathlib import Path

import torch

from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph.weights import MLPWeights
from hypergraph_superposition.classifier import SuperpositionClassifier
from hypergraph_superposition.order_parameters import represented, round_trip
from hypergraph_superposition.task import Superposition

DENSITIES = (1.0, 0.65, 0.42, 0.1, 0.01)
IMPORTANCES = (0.1, 0.3, 1.0)
MEMBERS = 4
RECIPE = Recipe(steps=4_000)
KEEP = 500
"""Steps between the states that a member goes back to if it diverges."""
BETA = 1e-8


def found(task: Superposition, networks: MLPWeights) -> list[dict[str, object]]:
    """The label of each network, which of its features are represented, and its loss."""
    classifier = SuperpositionClassifier()
    labels = classifier.classify(classifier.order_parameters(networks))
    kept = represented(round_trip(networks)).tolist()
    losses = measure_loss(task, networks, seed=0).tolist()
    return [
        dict(zip(("label", "represented", "loss"), row, strict=True)) for row in zip(labels, kept, losses, strict=True)
    ]


def generated(task: Superposition) -> MLPWeights:
    """One network of every member, at a price at which information is cheap."""
    members = range(MEMBERS)
    trainer = Trainer(task, [task.default_spec], RECIPE, 0, members, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        for step in range(RECIPE.steps):
            if step % KEEP == 0:
                trainer.keep(Path(folder) / "good")
            trainer.step()
    return generate(trainer.generator, BETA, seed=0, members=members).networks


def main(path: Path) -> None:
    """Train what the file lacks, and write it after every cell."""
    cells = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    for importance, density in product(IMPORTANCES, DENSITIES):
        key = f"{density} {importance}"
        if key in cells:
            continue
        task = Superposition(Superposition.Options(2, 1, 1 - density, importance))
        cells[key] = found(task, generated(task))
        path.write_text(json.dumps(cells))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
