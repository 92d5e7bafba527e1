"""Draw networks at given positions, in the colours of the paper's figures 1 and 6.

Input neurons are green, hidden ones grey or in the colour of their group, outputs magenta; positive weights red,
negative ones blue. Width and opacity of a weight grow with its size. Biases are not drawn.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import matplotlib.style
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from hypergraph.errors import printable
from hypergraph.interfaces import Group
from hypergraph.spec import MLPSpec

INPUT, HIDDEN, OUTPUT = "#1a9641", "#404040", "#d6009a"
POSITIVE, NEGATIVE = "#d7191c", "#2050d8"
GROUPS = ("#ff9900", "#7b2fbe", "#00b3b3", "#8c4a2f", "#b8b800", "#000000")
MINOR = ("#8d99a6", "#cdd3d9")
"""The colours of groups and of minor ones, in their order, and then again."""
LEGEND = 13
"""The font size of a legend, in points."""
LEGEND_LETTERS = 56
"""The largest number of letters in a line of its title."""

NEGLIGIBLE = 0.04
"""A weight below this, relative to the network's largest, is not drawn."""

CROWD = 2.0
"""Weights per neuron, in units of the network's largest, above which all are drawn thinner to leave gaps."""

SIDE = 5 * 72
"""The longer side of a network, in points (1/72 inch)."""

DIAMETERS = (2.5, 9.0)
"""The smallest and the largest diameter of a neuron, in points."""

OUTPUT_SIZE = 1.4
"""The diameter of an output, relative to the other neurons."""

RESOLUTION = 200
"""The resolution of pixels, in dots per inch."""

MANY = 20_000
"""With more weights, a vector format holds them as pixels, so that viewers can open it."""

METADATA = {".svg": {"Date": None}, ".png": {}, ".pdf": {"CreationDate": None}}
"""The formats, and the metadata that each omits so that the same network gives the same bytes on any day."""

COLUMNS = 4
"""The largest number of networks side by side."""

GAP = 36
"""The gap between networks side by side, in points."""

TITLE = 18
"""The font size of titles of networks side by side, in points."""

LETTERS = 34
"""The largest number of letters in a line of such a title."""


class Panel(NamedTuple):
    """A network to draw.

    Attributes:
        adjacency: its weights [neuron, neuron].
        positions: of its neurons [neuron, 2].
        title: the text above it.
        groups: of its neurons, for which a network that is drawn alone has a legend.
    """

    adjacency: Tensor
    positions: Tensor
    title: str
    groups: Sequence[Group] = ()


def picture(panels: Sequence[Panel], spec: MLPSpec, suffix: str) -> bytes:
    """Draw networks, several of them left to right in rows; `suffix` is a key of `METADATA`."""
    buffer = BytesIO()
    # independent of the user's matplotlibrc; ids in an SVG are random without a salt
    with matplotlib.style.context(["default", {"svg.hashsalt": "hypergraph"}]):
        figure = _page(panels, spec) if len(panels) > 1 else _single(panels[0], spec)
        weights = [axes.collections[0] for axes in figure.axes]
        many = sum(len(collection.get_paths()) for collection in weights) > MANY
        for collection in weights:
            collection.set_rasterized(many)
        figure.savefig(buffer, format=suffix[1:], dpi=RESOLUTION, bbox_inches="tight", metadata=METADATA[suffix])
    return buffer.getvalue()


def _single(panel: Panel, spec: MLPSpec) -> Figure:
    figure = Figure()
    axes = figure.add_axes((0, 0, 1, 1))
    (left, bottom), (right, top) = _draw(axes, panel, spec).tolist()
    axes.set(xlim=(left, right), ylim=(bottom, top))
    figure.set_size_inches((right - left) / 72, (top - bottom) / 72)
    if panel.groups:
        axes.set_title("")
        _add_legend(figure, panel)
    return figure


def _add_legend(figure: Figure, panel: Panel) -> None:
    """Under the network: its title, and the colour and the label of each group."""
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=9, linestyle="", label=printable(group.label))
        for group, colour in _coloured(panel.groups)
    ]
    title = textwrap.fill(printable(panel.title), LEGEND_LETTERS, break_on_hyphens=False)
    legend = figure.legend(handles=handles, title=title, loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False)
    for text in [legend.get_title(), *legend.get_texts()]:
        text.set(fontsize=LEGEND, parse_math=False)


def _page(panels: Sequence[Panel], spec: MLPSpec) -> Figure:
    """Each network as it is drawn alone, centred in a panel; all panels have the size of the largest network."""
    rows = math.ceil(len(panels) / COLUMNS)
    columns = math.ceil(len(panels) / rows)
    figure = Figure()
    boxes = torch.stack([_draw(figure.add_axes((0, 0, 1, 1)), panel, spec) for panel in panels])
    width, height = boxes.diff(dim=1).amax((0, 1)).tolist()
    width = max(width, SIDE)  # room for the title of a narrow network
    across, down = width + GAP, height + GAP + _fit_titles(figure, width)
    figure.set_size_inches(columns * across / 72, rows * down / 72)
    for number, (axes, (x, y)) in enumerate(zip(figure.axes, boxes.mean(1).tolist(), strict=True)):
        row, column = divmod(number, columns)
        axes.set(xlim=(x - width / 2, x + width / 2), ylim=(y - height / 2, y + height / 2))
        corner = column / columns, 1 - (row + 1) / rows
        axes.set_position((*corner, width / across / columns, height / down / rows))
    return figure


def _fit_titles(figure: Figure, width: float) -> float:
    """Wrap and shrink the titles of all axes to `width`, in points; returns the height of the tallest title."""
    for axes in figure.axes:
        lines = map(printable, axes.get_title().split("\n"))
        wrapped = [textwrap.fill(line, LETTERS, break_on_hyphens=False) for line in lines]
        axes.set_title("\n".join(wrapped), fontsize=TITLE, pad=TITLE / 2, parse_math=False)
    titles = [axes.title for axes in figure.axes]
    extents = [title.get_window_extent() for title in titles]
    scale = 72 / figure.dpi
    shrink = width / max(width, *(scale * extent.width for extent in extents))  # for wide letters
    for title in titles:
        title.set_fontsize(TITLE * shrink)
    return float(scale * shrink * max(extent.height for extent in extents))


def _draw(axes: Axes, panel: Panel, spec: MLPSpec) -> Tensor:
    """Draw a network and its title, in points; returns the corners [low and high, 2] of its bounding box."""
    positions = panel.positions
    points = positions * (SIDE / (positions.amax(0) - positions.amin(0)).max())
    diameter = _diameter(points)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.add_collection(_weights(panel.adjacency, points, diameter), autolim=False)
    colours = _colours(spec, panel.groups)
    areas = [(diameter * (OUTPUT_SIZE if colour == OUTPUT else 1)) ** 2 for colour in colours]
    x, y = points.numpy().T
    axes.scatter(x, y, s=areas, c=colours, edgecolors="white", linewidths=diameter / 12, zorder=2)
    axes.set_title(panel.title, parse_math=False)
    return torch.stack([points.amin(0) - diameter, points.amax(0) + diameter])


def _diameter(points: Tensor) -> float:
    """The diameter of neurons, within DIAMETERS: small enough that all but the closest do not touch."""
    apart = torch.cdist(points, points).fill_diagonal_(math.inf).amin(-1)
    smallest, largest = DIAMETERS
    return max(smallest, min(largest, 0.6 * float(apart.quantile(0.1))))


def _weights(adjacency: Tensor, points: Tensor, diameter: float) -> LineCollection:
    largest = adjacency.abs().max()
    target, source = (adjacency.abs() > NEGLIGIBLE * largest).nonzero(as_tuple=True)
    weight = adjacency[target, source] / largest
    order = weight.abs().argsort(stable=True)  # the strongest last, on top
    target, source, weight = target[order], source[order], weight[order]
    size = weight.abs().numpy()
    colours = np.where(weight.numpy()[:, None] > 0, to_rgba(POSITIVE), to_rgba(NEGATIVE))
    colours[:, 3] = 0.06 + 0.84 * size
    thickness = diameter * min(1.0, CROWD * len(points) / max(1.0, float(size.sum())))
    return LineCollection(
        list(torch.stack([points[source], points[target]], 1).numpy()),
        colors=colours,
        linewidths=thickness * (0.03 + 0.3 * size),
    )


def _coloured(groups: Sequence[Group]) -> list[tuple[Group, str]]:
    """Groups with their colours."""
    cycles = {False: itertools.cycle(GROUPS), True: itertools.cycle(MINOR)}
    return [(group, next(cycles[group.minor])) for group in groups]


def _colours(spec: MLPSpec, groups: Sequence[Group]) -> list[str]:
    """The colours of all neurons, layer by layer."""
    layers = [INPUT, *[HIDDEN] * (len(spec.sizes) - 2), OUTPUT]
    colours = {neuron: colour for group, colour in _coloured(groups) for neuron in group.neurons}
    return [
        colours.get((layer, n), usual)
        for layer, (usual, size) in enumerate(zip(layers, spec.sizes, strict=True))
        for n in range(size)
    ]
