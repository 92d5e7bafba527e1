"""Draws how generated networks add modulo p, for docs/canon.md: python docs/canon.py FOLDER."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from hypergraph.weights import MLPWeights
from hypergraph_modular.order_parameters import Waves

SHOWN = {"accuracy": "#2e9e48", "purity": "#2f6bd8", "coherence": "#e08a1e"}
"""Order parameters with their colours."""


def draw_waves(network: MLPWeights, rows: list[dict[str, Any]], path: Path) -> None:
    """The waves of a network, the phases of its neurons, and order parameters of all networks of a run by price."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 4), layout="constrained")
    _weights(left, network)
    _phases(middle, network)
    _prices(right, rows)
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
    axes.plot([0, 1], [0, 1], color=SHOWN["coherence"], lw=1, label="where a pizza's lie")
    axes.figure.colorbar(points, ax=axes, label="frequency")
    axes.legend(loc="lower right", fontsize="small")
    axes.set(xlabel="phase of a (turns)", ylabel="phase of b (turns)", title="phases of the neurons", aspect="equal")


def _prices(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for name, colour in SHOWN.items():
        for member in sorted({row["member"] for row in rows}):
            own = sorted((row for row in rows if row["member"] == member), key=lambda row: row["beta"])
            values = [row["order_parameters"][name] for row in own]
            axes.plot([row["beta"] for row in own], values, color=colour, lw=1.2, label=None if member else name)
    axes.set(xscale="log", xlabel="beta", ylim=(-0.03, 1.03), title="by price of information, each member")
    axes.legend(loc="center left")
