"""A figure as it is kept: SVG, PNG, and its numbers as CSV."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import (
    FormatStrFormatter,
    LogFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)
from msgspec import Struct

from hypergraph.errors import printable
from hypergraph.storage.atomic import make_folder, write_bytes

SUFFIXES = (".svg", ".png")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "hypergraph",  # ids within an SVG are random otherwise
}
RESOLUTION = 150
PALETTE = ("#d95f02", "#1b9e77", "#7570b3", "#2166ac", "#e7298a", "#8c8c8c", "#a6761d", "#66a61e")
"""Colours of groups that have none of their own."""
NARROW, WIDE = 4, 300
"""Ends of a logarithmic axis less than the one apart: even ticks; less than the other: 1, 2, 5, 10 and so on."""

FigureRow: TypeAlias = dict[str, Any]
"""A line of a figure's table, by the names of its columns."""


@dataclass(frozen=True)
class FigureOutput:
    """A figure and its numbers.

    Attributes:
        rows: the numbers, one table; all rows have the same names.
        draw: writes the picture into a file whose suffix says the format.
    """

    rows: Sequence[FigureRow]
    draw: Callable[[Path], None]

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write NAME.csv, NAME.svg and NAME.png. Raises FileError."""
        make_folder(folder)
        paths = [folder / f"{name}{suffix}" for suffix in (*SUFFIXES, ".csv")]
        for path in paths[:-1]:
            self.draw(path)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_bytes(paths[-1], text.getvalue().encode())
        return paths


def plotted(rows: Sequence[FigureRow], size: tuple[float, float], plot: Callable[[Figure], None]) -> FigureOutput:
    """A sheet whose picture `plot` draws on a figure of `size` in inches, whatever the user's matplotlibrc says."""

    def draw(path: Path) -> None:
        buffer = io.BytesIO()
        with matplotlib.style.context(["default", STYLE]):
            figure = Figure(figsize=size, layout="constrained")
            plot(figure)
            _show_literally(figure)
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(buffer, format=path.suffix[1:], dpi=RESOLUTION, metadata=metadata)
        write_bytes(path, buffer.getvalue())

    return FigureOutput(rows, draw)


def _show_literally(figure: Figure) -> None:
    """Let dollar signs in labels and titles stand for themselves, and no control character break the SVG.

    Only logarithmic axes are numbered in formulas.
    """
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    numbered = [axis for axis in axes if isinstance(axis.get_major_formatter(), LogFormatter)]
    formulas = {label for axis in numbered for label in axis.get_ticklabels(which="both")}
    for text in set(figure.findobj(Text)) - formulas:
        text.set_parse_math(False)
        text.set_text("\n".join(map(printable, text.get_text().split("\n"))))


def grid(figure: Figure, count: int, columns: int, **options: Any) -> list[Axes]:
    """`count` panels in rows of at most `columns`, left to right."""
    columns = min(columns, count)
    panels = figure.subplots(-(-count // columns), columns, squeeze=False, **options)
    for panel in panels.flat[count:]:
        panel.set_axis_off()
    for panel in panels.flat[max(0, count - columns) : count]:
        panel.tick_params(labelbottom=True)  # also above an empty place
    return list(panels.flat[:count])


def tick_logarithmic(axes: Axes) -> None:
    """Give logarithmic axes, on which all is drawn, plain numbers where they span too little for powers of ten."""
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if high < NARROW * low:
            axis.set_major_locator(MaxNLocator(4))
            axis.set_major_formatter(ScalarFormatter(useOffset=False))
            axis.set_minor_locator(NullLocator())
        elif high < WIDE * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FormatStrFormatter("%g"))
            axis.set_minor_formatter(NullFormatter())


def coloured(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each group, in the order of their names."""
    return dict(zip(sorted(set(groups)), itertools.cycle(PALETTE), strict=False))


def columns(record: Struct, *names: str) -> FigureRow:
    """Fields of a record, all if none are named: NaN for a number that is missing, as only a label may be."""
    values = {name: getattr(record, name) for name in names or record.__struct_fields__}
    return {name: math.nan if value is None and name != "algorithm" else value for name, value in values.items()}


def by_group(rows: Iterable[FigureRow], name: str) -> dict[Any, list[FigureRow]]:
    """Rows by their value of `name`, in order of the first of each."""
    groups: dict[Any, list[FigureRow]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def edges(values: Sequence[float]) -> np.ndarray[Any, Any]:
    """Borders of cells around ascending values: halfway between neighbours."""
    inner = (np.asarray(values[1:]) + np.asarray(values[:-1])) / 2
    if not len(inner):
        return np.array([values[0] - 0.5, values[0] + 0.5])
    return np.concatenate([[2 * values[0] - inner[0]], inner, [2 * values[-1] - inner[-1]]])
