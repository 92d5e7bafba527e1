"""Draws features in superposition, for docs/canon.md: python docs/canon.py FOLDER."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from phase_change import MEMBERS
from torch import Tensor

from hypergraph.weights import MLPWeights
from hypergraph_superposition.closed_forms import polygon
from hypergraph_superposition.order_parameters import round_trip
from hypergraph_superposition.task import Superposition

FIRST, SECOND, BOTH, OTHER = "the first alone", "the second alone", "both, opposed", "something else"
COLOURS = {FIRST: "#9dbcf0", SECOND: "#2f6bd8", BOTH: "#d6303f", OTHER: "#c9c9ce"}
LENGTHS = torch.linspace(0, 1.2, 17, dtype=torch.float64)
"""The lengths of features that are tried, where weights are tied."""
BIASES = torch.linspace(-0.5, 0.5, 11, dtype=torch.float64)
VALUES = (torch.arange(12, dtype=torch.float64) + 0.5) / 12
"""Values of a feature that stand for all between 0 and 1."""
FINE = 31
UNTIED = 4 / 7
"""The density below which two features pay at any importance, where weights are not tied."""


def draw_phase_change(run: Path, cells: dict[str, Any], path: Path) -> None:
    """A pentagon in closed form and a generated one, and the phases with tied and with generated weights."""
    rows = json.loads((run / "result.json").read_text())["networks"]
    network, _ = MLPWeights.load(run / min(rows, key=lambda row: row["loss"])["file"])
    form = polygon(Superposition(), 5, torch.Generator().manual_seed(0))
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained", width_ratios=(1, 1, 1.1, 1.1))
    _product(axes[0], form, "pentagon, closed form")
    _product(axes[1], network, "pentagon, generated")
    _tied(axes[2])
    _generated(axes[3], cells)
    handles = [Patch(color=colour, label=label) for label, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower right", ncols=4, title="features that come back")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _product(axes: Axes, network: MLPWeights, title: str) -> None:
    """What each output gives of each feature, relative to its own, features in the order of the ring."""
    trip = round_trip(network)
    relative = trip / trip.diagonal().unsqueeze(-1)
    ring = _ring(relative)
    shown = relative[ring][:, ring]
    axes.imshow(shown.clamp(-1, 1), cmap="RdBu", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(shown.numpy()):
        text = f"{value:.2f}" if abs(value) < 1 else f"{value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 else "black")
    names = [str(feature + 1) for feature in ring]
    axes.set(xticks=range(len(ring)), yticks=range(len(ring)), xlabel="feature", ylabel="output", title=title)
    axes.set_xticklabels(names)
    axes.set_yticklabels(names)


def _ring(relative: Tensor) -> list[int]:
    """The features in an order in which neighbours oppose each other most."""
    strength, ring = torch.minimum(relative, relative.mT), [0]
    while len(ring) < len(relative):
        others = [feature for feature in range(len(relative)) if feature not in ring]
        ring.append(min(others, key=lambda feature: float(strength[ring[-1], feature])))
    return ring


def _tied(axes: Axes) -> None:
    """What loses least where the second layer is the transpose of the first, as in the literature."""
    densities, importances = np.logspace(0, -2, FINE), np.logspace(-1, 1, FINE)
    grid = np.array([[_best(loss, importance) for loss in map(_own_loss, densities)] for importance in importances])
    colours = ListedColormap(list(COLOURS.values()))
    axes.pcolormesh(densities, importances, grid, cmap=colours, vmin=-0.5, vmax=3.5, shading="nearest")
    _frame(axes, "lowest loss, tied weights")


def _own_loss(density: float) -> Tensor:
    """E (x - relu(u²x - uvy + b))² at the best b, for lengths u and v of two opposite features: [u, v]."""
    own, other = LENGTHS[:, None, None].square(), (LENGTHS[:, None] * LENGTHS)[..., None]
    x = VALUES[:, None]
    one = ((own[..., None] * x + BIASES).relu() - x).square().mean(-2)
    wrong = (BIASES - other[..., None] * x).relu().square().mean(-2)
    sums = own[..., None, None] * VALUES[:, None, None] - other[..., None, None] * x
    both = ((sums + BIASES).relu() - VALUES[:, None, None]).square().mean((-3, -2))
    nothing = BIASES.relu().square()
    losses = (1 - density) ** 2 * nothing + density * (1 - density) * (one + wrong) + density**2 * both
    return losses.amin(-1)


def _best(loss: Tensor, importance: float) -> int:
    """Which features come back in the arrangement of the lowest loss."""
    total = loss + importance * loss.mT
    first, second = divmod(int(total.argmin()), len(LENGTHS))
    kept = float(LENGTHS[first]) ** 2 >= 0.5, float(LENGTHS[second]) ** 2 >= 0.5
    return {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[kept]


def _generated(axes: Axes, cells: dict[str, Any]) -> None:
    """What the best network of each cell does, and how many do the same."""
    colours = list(COLOURS.values())
    for key, networks in cells.items():
        density, importance = map(float, key.split())
        kinds = [_kind(network) for network in networks]
        best = kinds[min(range(len(networks)), key=lambda member: networks[member]["loss"])]
        axes.scatter(density, importance, s=350, marker="s", color=colours[best])
        axes.text(density, importance, str(kinds.count(best)), ha="center", va="center", fontsize="small")
    axes.axvline(UNTIED, color="black", ls=":", lw=1)
    _frame(axes, f"best of {MEMBERS} generated networks")


def _kind(network: dict[str, Any]) -> int:
    """The number of a network's colour."""
    if network["label"] == "antipodal":
        return 2
    if network["label"] == "dedicated":
        return network["represented"].index(True)
    return 3


def _frame(axes: Axes, title: str) -> None:
    axes.set(xscale="log", yscale="log", xlim=(1.4, 0.007), ylim=(0.07, 14), title=title)
    axes.set(xlabel="density of features", ylabel="importance of the second feature")
