"""Figure 5: the loss over input and hidden sizes, most of which the generator was never trained on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from msgspec.structs import replace

from hypergraph.analysis.sizes import NORMALISATIONS
from hypergraph.errors import UsageError
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.output import FigureOutput, MissingDataError, Row, edges, plotted
from hypergraph.spec import MLPSpec
from hypergraph.training.memory import GENERATION, check_memory

FACTORS = (0.25, 0.375, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Sizes of the map, relative to the one network that a generator was trained on."""
STEPS = 15
"""Sizes of the map, evenly from the smallest to the largest that a generator of several networks was trained on."""
CONTOURS = ("#d6303f", "#2f6bd8")
"""Colours of the contours, the lowest first."""
SHADES = 100.0
"""Largest over smallest loss that shades of grey tell apart."""


def sizes(material: FinishedRun) -> FigureOutput:
    """Figure 5: the map for the member that solves the task best with its encoder ignored, at its best price."""
    _need_sizes(material)
    best = material.best_without_encoder
    pairs = list(itertools.product(*_spans(material.config.specs)))
    rows = _measured(material, pairs)
    several = len(material.config.specs) > 1
    shown = {name: text for name, text in NORMALISATIONS.items() if not (several and name == "training")}
    stars = sorted({(spec.sizes[1], spec.sizes[0]) for spec in material.config.specs})

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(shown), sharey=True)
        for axes, (name, meaning) in zip(panels, shown.items(), strict=True):
            image = _map(axes, rows, name, material.task.contours)
            axes.scatter(*zip(*stars, strict=True), marker="*", s=70, c="gold", edgecolors="black", zorder=3)
            axes.set_title(meaning, fontsize=9)
            axes.set_xlabel("hidden neurons")
        panels[0].set_ylabel("inputs")
        figure.colorbar(image, ax=panels, label="loss, encoder ignored", pad=0.01)
        figure.suptitle(f"member {best['member']}, beta {best['beta']:.0e}", fontsize=9)

    return plotted(rows, (1 + 3.3 * len(shown), 3.9), plot)


def unseen(material: FinishedRun) -> FigureOutput:
    """The loss at every input size between those of several networks that a generator was trained on."""
    _need_sizes(material)
    specs = material.config.specs
    if len(specs) < 2:
        raise MissingDataError("the generator was trained on one network")
    known, widths = zip(*sorted((spec.sizes[0], spec.sizes[1]) for spec in specs), strict=True)
    between = range(known[0], known[-1] + 1)
    pairs = [(inputs, round(float(np.interp(inputs, known, widths)))) for inputs in between]
    rows = _measured(material, pairs)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for trained, marker, size, colour in ((False, "o", 18, "#2f6bd8"), (True, "*", 110, "gold")):
            x, y = ([row[name] for row in rows if row["trained"] == trained] for name in ("inputs", "own"))
            label = "trained on" if trained else "never seen"
            axes.scatter(x, y, marker=marker, s=size, c=colour, edgecolors="black", label=label)
        for level, colour in zip(material.task.contours, itertools.cycle(CONTOURS), strict=False):
            axes.axhline(level, color=colour, linewidth=1, zorder=0)
        axes.set(ylim=(0, None), xlabel="inputs (hidden neurons grow with them)", ylabel="loss, no encoder")
        axes.legend(loc="lower right")

    return plotted(rows, (6, 3.2), plot)


def _need_sizes(material: FinishedRun) -> None:
    """Raise MissingDataError where there is no plane of sizes, or no member works without its encoder."""
    specs = material.config.specs
    if any(len(spec.sizes) != 3 or spec.masks for spec in specs):
        raise MissingDataError("a map of sizes needs networks of one hidden layer and without masks")
    inputs, hidden = ({spec.sizes[layer] for spec in specs} for layer in (0, 1))
    if len(inputs) < len(specs) or (len(specs) > 1 and len(hidden) < 2):
        raise MissingDataError("a map of sizes needs networks whose hidden neurons grow with their inputs")
    lowest = min(row["decoder_loss"] for row in material.networks)
    if lowest > material.task.solved_loss:
        raise MissingDataError(f"no member solves the task with its encoder ignored: the best loss is {lowest:.3f}")


def _measured(material: FinishedRun, pairs: Sequence[tuple[int, int]]) -> list[Row]:
    """A row for every pair of input and hidden sizes that the task and the memory allow."""
    spec, best = material.config.spec, material.best_without_encoder
    rows: list[Row] = []
    for pair in material.track(pairs, "trying sizes"):
        other = replace(spec, sizes=(*pair, spec.sizes[-1]))
        row = {"member": best["member"], "beta": best["beta"], "inputs": pair[0], "hidden": pair[1]}
        try:
            check_memory(other, 1, GENERATION)
            rows.append({**row, "trained": other in material.config.specs, **material.losses_at_size(best, other)})
        except UsageError:
            continue
    return rows


def _spans(specs: Sequence[MLPSpec]) -> tuple[list[int], list[int]]:
    """Input and hidden sizes of the map; of several networks, hidden sizes grow with inputs as theirs do."""
    inputs, hidden = zip(*sorted((spec.sizes[0], spec.sizes[1]) for spec in specs), strict=True)
    if len(specs) == 1:
        return _whole(inputs[0] * factor for factor in FACTORS), _whole(hidden[0] * factor for factor in FACTORS)
    even = np.linspace(inputs[0], inputs[-1], STEPS).round()
    return _whole(even), _whole(np.interp(even, inputs, hidden))


def _whole(wanted: Iterable[float]) -> list[int]:
    return sorted({max(1, round(float(size))) for size in wanted})


def _map(axes: Axes, rows: Sequence[Row], name: str, contours: Sequence[float]) -> QuadMesh:
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
