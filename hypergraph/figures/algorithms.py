"""Figures 1 and 6: the algorithms found, and a network trained by Adam beside a generated one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch

from hypergraph.analysis.classify import classify_strict
from hypergraph.analysis.measure import measure_loss
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.output import FigureOutput, MissingDataError, Row
from hypergraph.training.baseline import train_directly
from hypergraph.weights import MLPWeights


def algorithms(material: FinishedRun) -> FigureOutput:
    """Figure 1: of each algorithm found, in each of its varieties, the network of lowest loss.

    The network of lowest loss of all where no classifier knows them.
    """
    best = {"best": min(material.networks, key=lambda row: row["loss"])}
    with contextlib.suppress(MissingDataError):
        best = _best_by_variety(material)
    names = sorted(best, key=lambda name: -best[name]["loss"])
    rows = [
        {"algorithm": name, **{key: best[name][key] for key in ("member", "beta", "loss", "kl", "file")}}
        for name in names
    ]
    titles = [f"{row['algorithm']}\nloss {row['loss']:.2g}, KL {row['kl']:.2g} nats" for row in rows]
    return _drawn(material, rows, [material.network(row) for row in rows], titles)


def _best_by_variety(material: FinishedRun) -> dict[str, Row]:
    rows = sorted(material.classified, key=lambda row: row["loss"])
    values = {name: [row["order_parameters"][name] for row in rows] for name in rows[0]["order_parameters"]}
    columns = {name: torch.tensor(column, dtype=torch.float64) for name, column in values.items()}
    best: dict[str, Row] = {}
    for row, variety in zip(rows, material.classifier.varieties(columns), strict=True):
        best.setdefault(variety, row)
    return best


def baseline(material: FinishedRun) -> FigureOutput:
    """Figure 6: the same network trained by Adam on the loss alone, and the generated one of lowest loss."""
    adam = train_directly(material.task, material.config.spec, seed=material.config.seed)
    best = min(material.networks, key=lambda row: row["loss"])
    networks = [adam, material.network(best)]
    made_by = ["Adam alone", f"hypernetwork, beta {best['beta']:.0e}"]
    rows = [
        {"made by": name, "loss": float(measure_loss(material.task, network, seed=material.config.seed))}
        | _order_parameters(material, network)
        for name, network in zip(made_by, networks, strict=True)
    ]
    return _drawn(material, rows, networks, [f"{row['made by']}\nloss {row['loss']:.2g}" for row in rows])


def _order_parameters(material: FinishedRun, network: MLPWeights) -> Row:
    try:
        (verdict,) = classify_strict(material.classifier, MLPWeights.stack([network]))
    except MissingDataError:
        return {}
    return {"algorithm": verdict.algorithm, **verdict.order_parameters}


def _drawn(
    material: FinishedRun, rows: list[Row], networks: Sequence[MLPWeights], titles: Sequence[str]
) -> FigureOutput:
    visualizer, seed = material.visualizer, material.config.seed
    stacked = MLPWeights.stack(networks)

    def draw(path: Path) -> None:
        visualizer.draw(stacked, [path], layout=visualizer.layouts[0], seed=seed, titles=titles)

    return FigureOutput(rows, draw)
