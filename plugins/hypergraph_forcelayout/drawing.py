"""One network at given positions as the bytes of a picture, in the colours of the paper's figures 1 and 6.

Input neurons are green, hidden ones grey, outputs magenta; positive weights red, negative ones blue. Width and
opacity of a weight grow with its size. Biases are not drawn.
"""

from __future__ import annotations

import math
from io import BytesIO

import matplotlib.style
import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from torch import Tensor

from hypergraph.spec import MLPSpec

INPUT, HIDDEN, OUTPUT = "#1a9641", "#404040", "#d6009a"
POSITIVE, NEGATIVE = "#d7191c", "#2050d8"

NEGLIGIBLE = 0.04
"""A weight smaller than this, relative to the network's largest, is left out."""

CROWD = 2.0
"""Weights per neuron, in units of the network's largest, above which all are drawn thinner, so that gaps remain."""

SIDE = 5 * 72
"""The longer side of a drawing, in points (1/72 inch)."""

DIAMETERS = (2.5, 9.0)
"""Of a neuron, smallest and largest, in points."""

OUTPUT_SIZE = 1.4
"""The diameter of an output, relative to the other neurons."""

RESOLUTION = 200
"""Of pixels, in dots per inch."""

MANY = 20_000
"""A vector format gets its weights as pixels where there are more, lest no viewer can open it."""

METADATA = {".svg": {"Date": None}, ".png": {}, ".pdf": {"CreationDate": None}}
"""The formats, and what to leave out of each, so that the same network gives the same bytes on any day."""


def picture(adjacency: Tensor, spec: MLPSpec, positions: Tensor, title: str, suffix: str) -> bytes:
    """Draw one network of weights [neuron, neuron] at positions [neuron, 2]; `suffix` is a key of `METADATA`."""
    buffer = BytesIO()
    # Whatever the user's matplotlibrc says; ids within an SVG are random unless they are salted.
    with matplotlib.style.context(["default", {"svg.hashsalt": "hypergraph"}]):
        figure = _figure(adjacency, spec, positions, title)
        figure.savefig(buffer, format=suffix[1:], dpi=RESOLUTION, bbox_inches="tight", metadata=METADATA[suffix])
    return buffer.getvalue()


def _figure(adjacency: Tensor, spec: MLPSpec, positions: Tensor, title: str) -> Figure:
    low, high = positions.amin(0), positions.amax(0)
    points = positions * (SIDE / (high - low).max())
    diameter = _diameter(points)
    left, bottom = (points.amin(0) - diameter).tolist()
    right, top = (points.amax(0) + diameter).tolist()
    figure = Figure(figsize=((right - left) / 72, (top - bottom) / 72))
    axes = figure.add_axes((0, 0, 1, 1), aspect="equal", xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    axes.add_collection(_weights(adjacency, points, diameter), autolim=False)
    colours = _colours(spec)
    areas = [(diameter * (OUTPUT_SIZE if colour == OUTPUT else 1)) ** 2 for colour in colours]
    x, y = points.numpy().T
    axes.scatter(x, y, s=areas, c=colours, edgecolors="white", linewidths=diameter / 12, zorder=2)
    if title:
        axes.set_title(title, parse_math=False)
    return figure


def _diameter(points: Tensor) -> float:
    """Of a neuron: small enough, within bounds, that all but the closest stay apart."""
    apart = torch.cdist(points, points).fill_diagonal_(math.inf).amin(-1)
    smallest, largest = DIAMETERS
    return max(smallest, min(largest, 0.6 * float(apart.quantile(0.1))))


def _weights(adjacency: Tensor, points: Tensor, diameter: float) -> LineCollection:
    largest = adjacency.abs().max()
    target, source = (adjacency.abs() > NEGLIGIBLE * largest).nonzero(as_tuple=True)
    weight = adjacency[target, source] / largest
    order = weight.abs().argsort(stable=True)  # the strongest is drawn last, on top
    target, source, weight = target[order], source[order], weight[order]
    size = weight.abs().numpy()
    colours = np.where(weight.numpy()[:, None] > 0, to_rgba(POSITIVE), to_rgba(NEGATIVE))
    colours[:, 3] = 0.06 + 0.84 * size
    thickness = diameter * min(1.0, CROWD * len(points) / max(1.0, float(size.sum())))
    return LineCollection(
        list(torch.stack([points[source], points[target]], 1).numpy()),
        colors=colours,
        linewidths=thickness * (0.03 + 0.3 * size),
        rasterized=len(size) > MANY,
    )


def _colours(spec: MLPSpec) -> list[str]:
    layers = [INPUT, *[HIDDEN] * (len(spec.sizes) - 2), OUTPUT]
    return [colour for colour, size in zip(layers, spec.sizes, strict=True) for _ in range(size)]
