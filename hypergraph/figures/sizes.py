"""Figure 5: the loss over input and hidden sizes, most of them unseen in training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.sizes import NORMALISATIONS
from hypergraph.figures.output import FigureOutput, FigureRow, columns, edges, plotted

CONTOURS = ("#d6303f", "#2f6bd8")
"""Colours of the contours, the lowest first."""
SHADES = 100.0
"""The ratio of the largest to the smallest loss that has its own shade of grey."""


def sizes(run: FinishedRun) -> FigureOutput:
    """Figure 5: the map of the best member without its encoder, at its best price."""
    rows, specs = list(map(columns, run.sizes)), run.config.specs
    shown = {name: text for name, text in NORMALISATIONS.items() if not (len(specs) > 1 and name == "training")}
    stars = sorted({(spec.sizes[1], spec.sizes[0]) for spec in specs})

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(shown), sharey=True)
        for axes, (name, meaning) in zip(panels, shown.items(), strict=True):
            image = _map(axes, rows, name, run.task.contours)
            axes.scatter(*zip(*stars, strict=True), marker="*", s=70, c="gold", edgecolors="black", zorder=3)
            axes.set_title(meaning, fontsize=9)
            axes.set_xlabel("hidden neurons")
        panels[0].set_ylabel("inputs")
        figure.colorbar(image, ax=panels, label="loss, encoder ignored", pad=0.01)
        figure.suptitle(f"member {rows[0]['member']}, beta {rows[0]['beta']:.0e}", fontsize=9)

    return plotted(rows, (1 + 3.3 * len(shown), 3.9), plot)


def unseen(run: FinishedRun) -> FigureOutput:
    """The loss at every input size between those of the networks that the generator was trained on."""
    rows = list(map(columns, run.unseen))

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for trained, marker, size, colour in ((False, "o", 18, "#2f6bd8"), (True, "*", 110, "gold")):
            x, y = ([row[name] for row in rows if row["trained"] == trained] for name in ("inputs", "own"))
            label = "trained on" if trained else "never seen"
            axes.scatter(x, y, marker=marker, s=size, c=colour, edgecolors="black", label=label)
        for level, colour in zip(run.task.contours, itertools.cycle(CONTOURS), strict=False):
            axes.axhline(level, color=colour, linewidth=1, zorder=0)
        axes.set(ylim=(0, None), xlabel="inputs (hidden neurons grow with them)", ylabel="loss, no encoder")
        axes.legend(loc="upper right")

    return plotted(rows, (6, 3.2), plot)


def _map(axes: Axes, rows: Sequence[FigureRow], name: str, contours: Sequence[float]) -> QuadMesh:
    inputs, hidden = sorted({row["inputs"] for row in rows}), sorted({row["hidden"] for row in rows})
    losses = np.full((len(inputs), len(hidden)), np.nan)
    for row in rows:
        losses[inputs.index(row["inputs"]), hidden.index(row["hidden"])] = row[name]
    low = min(row[key] for row in rows for key in NORMALISATIONS if 0 < row[key] < math.inf)
    image = axes.pcolormesh(edges(hidden), edges(inputs), losses, cmap="Greys", norm=LogNorm(low, SHADES * low))
    colours = [CONTOURS[min(n, 1)] for n in range(len(contours))]
    lines = axes.contour(hidden, inputs, losses, levels=list(contours), colors=colours, linewidths=1.5)
    axes.clabel(lines, fontsize=7)
    return image
