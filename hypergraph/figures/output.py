"""Write a figure as SVG and PNG, and its numbers as CSV."""

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
from matplotlib.artist import Artist
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
"""Colours of groups without a colour of their own."""
HANDLE, LETTER = 0.6, 0.07
"""Inches that a legend's entry takes beside its label, and for each letter of that."""
NOTE = 0.2
"""Inches of the line of a note below a figure."""
NARROW, WIDE = 4, 300
"""A logarithmic axis has even ticks if its ends differ by less than the first factor, else ticks at 1, 2, 5, 10 and so
on if by less than the second."""

FigureRow: TypeAlias = dict[str, Any]
"""A row of a figure's table: column name to value."""


@dataclass(frozen=True)
class FigureOutput:
    """A figure and its numbers.

    Attributes:
        rows: the table of the numbers; all rows have the same columns.
        draw: writes the picture, with a note below if it is not empty, into a file whose suffix names the format.
    """

    rows: Sequence[FigureRow]
    draw: Callable[[Path, str], None]

    def write(self, folder: Path, name: str, note: str = "") -> list[Path]:
        """Write NAME.csv, NAME.svg and NAME.png. Raises FileError."""
        make_folder(folder)
        paths = [folder / f"{name}{suffix}" for suffix in (*SUFFIXES, ".csv")]
        for path in paths[:-1]:
            self.draw(path, note)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_bytes(paths[-1], text.getvalue().encode())
        return paths


def plotted(rows: Sequence[FigureRow], size: tuple[float, float], plot: Callable[[Figure], None]) -> FigureOutput:
    """A figure of `size` in inches that `plot` draws, with settings independent of the user's matplotlibrc."""

    def draw(path: Path, note: str) -> None:
        buffer = io.BytesIO()
        with matplotlib.style.context(["default", STYLE]):
            figure = Figure(figsize=size, layout="constrained")
            plot(figure)
            if note:
                _add_note(figure, note)
            _show_literally(figure)
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(buffer, format=path.suffix[1:], dpi=RESOLUTION, metadata=metadata)
        write_bytes(path, buffer.getvalue())

    return FigureOutput(rows, draw)


def _add_note(figure: Figure, note: str) -> None:
    """Write a note below a figure, which grows by a line."""
    width, height = figure.get_size_inches()
    share = NOTE / (height + NOTE)
    figure.set_size_inches(width, height + NOTE)
    figure.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
    figure.text(0.01, 0.3 * share, note, fontsize=7, color="#5c5c61")


def _show_literally(figure: Figure) -> None:
    """Show dollar signs of labels and titles as they are, and replace control characters, which break an SVG.

    The tick labels of logarithmic axes stay formulas.
    """
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    logarithmic = [axis for axis in axes if isinstance(axis.get_major_formatter(), LogFormatter)]
    formulas = {label for axis in logarithmic for label in axis.get_ticklabels(which="both")}
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
        panel.tick_params(labelbottom=True)  # also above an empty cell
    return list(panels.flat[:count])


def tick_logarithmic(axes: Axes) -> None:
    """Put plain numbers on logarithmic axes that span too little for powers of ten; call it after all drawing."""
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if high < NARROW * low:
            axis.set_major_locator(MaxNLocator(4))
            axis.set_major_formatter(ScalarFormatter(useOffset=False))
            axis.set_minor_locator(NullLocator())
        elif high < WIDE * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FormatStrFormatter("%g"))
            axis.set_minor_formatter(NullFormatter())


def legend_columns(handles: Sequence[Artist], width: float) -> int:
    """How many entries of a legend fit side by side into `width` inches."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    return min(len(handles), max(1, int(width / (HANDLE + LETTER * longest))))


def coloured(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each group, in the order of their names."""
    return dict(zip(sorted(set(groups)), itertools.cycle(PALETTE), strict=False))


def columns(record: Struct, *names: str) -> FigureRow:
    """Fields of a record, all if none are named; a missing number is NaN, a missing label None."""
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
