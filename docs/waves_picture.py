"""Draws how generated networks add modulo p, for docs/canon.md: python docs/canon.py FOLDER."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from hypergraph.weights import MLPWeights
from hypergraph_modular.classifier import ModularClassifier
from hypergraph_modular.order_parameters import Waves


def draw_waves(run: Path, narrow: list[Path], path: Path) -> None:
    """The waves of a run's best network, the phases of its neurons, and the algorithms at every width and price."""
    rows = json.loads((run / "result.json").read_text())["networks"]
    network, _ = MLPWeights.load(run / min(rows, key=lambda row: row["loss"])["file"])
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", width_ratios=(1, 1, 1.6))
    _weights(left, network)
    _phases(middle, network)
    _widths(right, narrow)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _weights(axes: Axes, network: MLPWeights) -> None:
    """The weights from the number a, neurons by frequency and then by phase."""
    waves, p = Waves.of(network), network.spec.sizes[-1]
    order = np.lexsort((waves.a.angle().numpy(), waves.frequency.numpy()))
    weights = network.weights[0][order, :p]
    shown = weights / weights.abs().amax(1, keepdim=True)
    axes.imshow(shown, cmap="RdBu", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.set(xlabel="a", ylabel="hidden neuron, by frequency", title="weights from a, each neuron scaled")


def _phases(axes: Axes, network: MLPWeights) -> None:
    """The phases with which every neuron reads a and b, in turns."""
    waves = Waves.of(network)
    a, b = (part.angle() / (2 * torch.pi) % 1 for part in (waves.a, waves.b))
    points = axes.scatter(a, b, c=waves.frequency, s=60 * waves.strength / waves.strength.max(), cmap="viridis")
    axes.plot([0, 1], [0, 1], color="#e08a1e", lw=1, label="a pizza's")
    axes.figure.colorbar(points, ax=axes, label="frequency")
    axes.legend(loc="lower right", frameon=False)
    axes.set(xlabel="phase of a (turns)", ylabel="phase of b (turns)", title="phases of the neurons", aspect="equal")


def _widths(axes: Axes, runs: list[Path]) -> None:
    """The label of each network: prices up, widths and their members side by side."""
    colours = ModularClassifier().colours
    columns, names = [], []
    for run in runs:
        result = json.loads((run / "result.json").read_text())
        names.append(str(result["specs"][0]["sizes"][1]))
        for member in range(result["members"]):
            own = sorted((row for row in result["networks"] if row["member"] == member), key=lambda row: row["beta"])
            columns.append([to_rgb(colours[row["algorithm"]]) for row in own])
    betas = np.log10(sorted({row["beta"] for row in result["networks"]}))
    members = len(columns) // len(runs)
    axes.imshow(
        np.array(columns).transpose(1, 0, 2),
        origin="lower",
        aspect="auto",
        extent=(0, len(columns), betas[0], betas[-1]),
    )
    for edge in range(members, len(columns), members):
        axes.axvline(edge, color="white", lw=2)
    axes.set_xticks(np.arange(len(runs)) * members + members / 2, names)
    handles = [Patch(color=colour, label=label) for label, colour in colours.items()]
    axes.legend(handles=handles, loc="upper left", fontsize="small")
    axes.set(
        xlabel="hidden neurons, p = 11, four members each", ylabel="log10 of beta", title="algorithm by width and price"
    )
