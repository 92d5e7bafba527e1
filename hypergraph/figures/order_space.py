"""Figure 2: the space of order parameters, in which networks cluster by algorithm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from hypergraph.analysis.boundaries import Boundary, fit_boundaries
from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import MissingDataError
from hypergraph.figures.output import (
    FigureOutput,
    FigureRow,
    by_group,
    coloured,
    columns,
    grid,
    legend_columns,
    plotted,
)

SPREAD = 10.0
"""An axis is logarithmic if its largest value is this many times its smallest."""


def order_space(run: FinishedRun) -> FigureOutput:
    """One line per member over beta in each plane of the classifier, coloured by its first and last algorithm."""
    planes = run.classifier.planes
    if not planes:
        raise MissingDataError(f"the classifier of {run.classifier.task} names no planes of order parameters")
    names = list(dict.fromkeys(name for plane in planes for name in plane))
    rows = [
        columns(network, "member", "beta", "algorithm") | {name: network.order_parameters[name] for name in names}
        for network in run.classified
    ]
    lines = by_group(rows, "member")
    kinds = {member: f"{line[0]['algorithm']} to {line[-1]['algorithm']}" for member, line in lines.items()}
    colours = coloured(kinds.values())
    width = max(5.2, 4.2 * min(len(planes), 3))

    def plot(figure: Figure) -> None:
        for axes, plane in zip(grid(figure, len(planes), 3), planes, strict=True):
            for member, line in lines.items():
                x, y = ([row[name] for row in line] for name in plane)
                axes.plot(x, y, color=colours[kinds[member]], linewidth=0.8, alpha=0.6)
                dots = [run.classifier.colours[row["algorithm"]] for row in line]
                axes.scatter(x, y, s=7, c=dots, linewidths=0, zorder=2)
            _frame(axes, plane, rows)
            _bound(axes, plane, rows, run.classifier.boundaries)
        counts = Counter(kinds.values())
        handles = [Line2D([], [], color=colours[kind], label=f"{kind} ({counts[kind]})") for kind in colours]
        seen = {label: run.classifier.colours[label] for label in dict.fromkeys(row["algorithm"] for row in rows)}
        dot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 4}
        handles += [Line2D([], [], color=colour, label=label, **dot) for label, colour in seen.items()]
        title = "lines from beta 1e-12 to 1 (members)"
        figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, width), title=title)

    return plotted(rows, (width, 4.4 * -(-len(planes) // 3)), plot)


def _frame(axes: Axes, plane: tuple[str, str], rows: Sequence[FigureRow]) -> None:
    """Set labels and scales; an axis of positive values over decades is logarithmic."""
    for name, axis, set_scale in zip(plane, (axes.xaxis, axes.yaxis), (axes.set_xscale, axes.set_yscale), strict=True):
        values = [row[name] for row in rows]
        if min(values) > 0 and max(values) > SPREAD * min(values):
            set_scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < SPREAD**2 * min(values) else (1,)))
            axis.set_major_formatter(FormatStrFormatter("%g"))
            axis.set_minor_formatter(NullFormatter())
        axis.set_label_text(name.replace("_", " "))


def _bound(axes: Axes, plane: tuple[str, str], rows: Sequence[FigureRow], boundaries: Mapping[str, float]) -> None:
    """Draw where labels change: at the classifier's own values, or else where a rule fits the labels best."""
    style: dict[str, Any] = {"colors": "black", "linestyles": ":", "linewidth": 1}
    ends = axes.get_ylim(), axes.get_xlim()
    lines = [Boundary(axis, boundaries[name], *ends[axis]) for axis, name in enumerate(plane) if name in boundaries]
    if not lines:
        points = np.array([[row[name] for name in plane] for row in rows])
        lines, wrong = fit_boundaries(points, [row["algorithm"] for row in rows])
        axes.set_title(f"fitted boundaries: {wrong} of {len(rows)} on the wrong side", fontsize=8)
    for axis, at, low, high in lines:
        draw = (axes.vlines, axes.hlines)[axis]
        draw(at, max(low, ends[axis][0]), min(high, ends[axis][1]), **style)
    axes.set(xlim=ends[1], ylim=ends[0])
