"""Figure 5: the loss over input and hidden sizes, most of which the generator was never trained on."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from rich.progress import track

from hypergraph.analysis.sizes import NORMALISATIONS, losses_at_size
from hypergraph.errors import SpecError
from hypergraph.figures.material import Material
from hypergraph.figures.sheet import MissingDataError, Row, Sheet, edges, plotted

FACTORS = (0.25, 0.375, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Sizes of the map, relative to the one network that a generator was trained on."""
STEPS = 13
"""Sizes of the map, evenly from the smallest to the largest that a generator of several networks was trained on."""
CONTOURS = ("#d6303f", "#2f6bd8")
"""Colours of the lowest contour and of the others."""


def sizes(material: Material) -> Sheet:
    """Figure 5: the map for the member that solves the task best with its encoder ignored, at its best price."""
    best = min(material.networks, key=lambda row: row["decoder_loss"])
    if best["decoder_loss"] > material.task.solved_loss:
        raise MissingDataError(
            f"no member solves the task with its encoder ignored: the best loss is {best['decoder_loss']:.3f}"
        )
    rows = _measured(material, best)
    if not rows:
        raise MissingDataError(f"a map needs one hidden layer and no masks, not {material.config.spec}")

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(NORMALISATIONS), sharey=True)
        for axes, (name, meaning) in zip(panels, NORMALISATIONS.items(), strict=True):
            image = _map(axes, rows, name, material.task.contours)
            axes.scatter(*zip(*_stars(material), strict=True), marker="*", s=70, c="gold", edgecolors="black", zorder=3)
            axes.set_title(meaning, fontsize=9)
            axes.set_xlabel("hidden neurons")
        panels[0].set_ylabel("inputs")
        figure.colorbar(image, ax=panels, label="loss, encoder ignored", pad=0.01)
        figure.suptitle(f"member {best['member']}, beta {best['beta']:.0e}", fontsize=9)

    return plotted(rows, (11, 3.9), plot)


def _measured(material: Material, best: Row) -> list[Row]:
    spec, member = material.config.spec, best["member"]
    if len(spec.sizes) != 3 or spec.masks:
        return []
    generator, seed = material.generator.member(member), material.config.seed
    rows = []
    pairs = list(itertools.product(*(_span(material, layer) for layer in (0, 1))))
    console = material.console
    for pair in track(pairs, "trying sizes", console=console, transient=True, disable=not console.is_terminal):
        other = dataclasses.replace(spec, sizes=(*pair, spec.sizes[-1]))
        try:
            losses = losses_at_size(generator, best["beta"], material.task, other, spec, seed=seed, member=member)
        except SpecError:
            continue
        rows.append({"inputs": pair[0], "hidden": pair[1], "trained": other in material.config.specs, **losses})
    return rows


def _span(material: Material, layer: int) -> list[int]:
    """The sizes of a layer that the map has."""
    sizes = sorted(spec.sizes[layer] for spec in material.config.specs)
    low, high = sizes[0], sizes[-1]
    wanted = [low * factor for factor in FACTORS] if low == high else np.linspace(low, high, STEPS)
    return sorted({max(1, round(float(size))) for size in wanted})


def _stars(material: Material) -> list[tuple[int, int]]:
    """Hidden and input sizes that the generator was trained on."""
    return sorted({(spec.sizes[1], spec.sizes[0]) for spec in material.config.specs})


def _map(axes: Axes, rows: Sequence[Row], name: str, contours: Sequence[float]) -> QuadMesh:
    inputs, hidden = sorted({row["inputs"] for row in rows}), sorted({row["hidden"] for row in rows})
    losses = np.full((len(inputs), len(hidden)), np.nan)
    for row in rows:
        losses[inputs.index(row["inputs"]), hidden.index(row["hidden"])] = row[name]
    image = axes.pcolormesh(edges(hidden), edges(inputs), losses, cmap="Greys", norm=LogNorm(0.02, 2))
    colours = [CONTOURS[min(n, 1)] for n in range(len(contours))]
    lines = axes.contour(hidden, inputs, losses, levels=list(contours), colors=colours, linewidths=1.5)
    axes.clabel(lines, fontsize=7)
    return image
