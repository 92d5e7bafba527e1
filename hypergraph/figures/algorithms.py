"""Figures 1 and 6: one network per algorithm, and a network trained by Adam beside a generated one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch

from hypergraph.analysis.baseline import ADAM
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import by_loss, or_nan
from hypergraph.errors import MissingDataError
from hypergraph.extensions.registry import working_visualizers
from hypergraph.figures.output import FigureOutput, FigureRow, columns
from hypergraph.runs.records import NetworkRecord
from hypergraph.weights import MLPWeights


def algorithms(run: FinishedRun) -> FigureOutput:
    """Figure 1: the network of lowest loss of each variety of each algorithm; of all networks without a classifier."""
    best = {"best": run.best}
    with contextlib.suppress(MissingDataError):
        best = _best_by_variety(run)
    best = dict(sorted(best.items(), key=lambda item: -by_loss(item[1])))
    rows = [{"algorithm": name, **columns(best[name], "member", "beta", "loss", "kl", "file")} for name in best]
    titles = [f"{row['algorithm']}\nloss {row['loss']:.2g}, KL {row['kl']:.2g} nats" for row in rows]
    return _drawn(run, rows, [run.load_network(network) for network in best.values()], titles)


def _best_by_variety(run: FinishedRun) -> dict[str, NetworkRecord]:
    networks = sorted(run.classified, key=by_loss)
    values = {name: [network.order_parameters[name] for network in networks] for name in networks[0].order_parameters}
    tensors = {name: torch.tensor(column, dtype=torch.float64) for name, column in values.items()}
    best: dict[str, NetworkRecord] = {}
    for network, variety in zip(networks, run.classifier.varieties(tensors), strict=True):
        best.setdefault(variety, network)
    return best


def baseline(run: FinishedRun) -> FigureOutput:
    """Figure 6: the same network trained by Adam on the loss alone, and the generated one of lowest loss."""
    rows: list[FigureRow] = []
    for record in run.baseline:
        label = {"algorithm": record.algorithm} if record.algorithm else {}
        values = {name: or_nan(value) for name, value in record.order_parameters.items()}
        rows.append({"made by": record.made_by, "loss": or_nan(record.loss), **label, **values})
    networks = [MLPWeights.load(run.analysis_folder / ADAM)[0], run.load_network(run.best)]
    return _drawn(run, rows, networks, [f"{row['made by']}\nloss {row['loss']:.2g}" for row in rows])


def _drawn(
    run: FinishedRun, rows: list[FigureRow], networks: Sequence[MLPWeights], titles: Sequence[str]
) -> FigureOutput:
    """Draw networks with the first visualizer that loads."""
    visualizers = working_visualizers()
    if not visualizers:
        raise MissingDataError("no visualizer is installed")
    visualizer, stacked = visualizers[0], MLPWeights.stack(networks)

    def draw(path: Path, note: str) -> None:
        noted = [f"{title}\n{note}" for title in titles] if note else titles
        visualizer.draw(stacked, [path], layout=visualizer.layouts[0], seed=run.config.seed, titles=noted)

    return FigureOutput(rows, draw)
