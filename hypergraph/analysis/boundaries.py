"""Boundaries between labels in a plane of two order parameters, fitted to the labels (the dotted lines of figure 2)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Boundary(NamedTuple):
    """A line parallel to an axis of the plane."""

    axis: int
    """The axis that it crosses: 0 for a vertical line, at a value of x; 1 for a horizontal one."""
    at: float
    low: float
    """Where it starts along the other axis; may be infinite."""
    high: float


class _Region(NamedTuple):
    """A rectangle of the plane, and which points lie in it."""

    points: npt.NDArray[np.int64]
    bounds: tuple[tuple[float, float], tuple[float, float]]


class _Cut(NamedTuple):
    gain: float
    region: int
    axis: int
    at: float


def fit_boundaries(points: Floats, labels: Sequence[str]) -> tuple[list[Boundary], int]:
    """Cut the plane into as many rectangles as there are labels, as a decision tree does.

    Each cut is the one that lowers the Gini impurity, summed over the points, the most.

    Args:
        points: finite, [point, 2].
        labels: of the points.

    Returns:
        The boundaries, and how many points carry another label than most points of their rectangle.
    """
    kinds, codes = np.unique(labels, return_inverse=True)
    whole = (-math.inf, math.inf)
    regions, boundaries = [_Region(np.arange(len(points)), (whole, whole))], []
    for _ in kinds[1:]:
        cuts = [cut for place, region in enumerate(regions) for cut in _cuts(place, region, points, codes)]
        best = max(cuts, default=None)
        if best is None or best.gain <= 0:
            break
        region = regions.pop(best.region)
        boundaries.append(Boundary(best.axis, best.at, *region.bounds[1 - best.axis]))
        regions += _halves(region, best, points)
    wrong = sum(len(part) - max(Counter(codes[part].tolist()).values()) for part, _ in regions)
    return boundaries, wrong


def _cuts(place: int, region: _Region, points: Floats, codes: npt.NDArray[np.int64]) -> Iterator[_Cut]:
    """The best cut of a region across each axis, between two points that differ."""
    for axis in range(2):
        order = region.points[np.argsort(points[region.points, axis], kind="stable")]
        values = points[order, axis]
        left = np.cumsum(codes[order, None] == np.arange(codes.max() + 1), 0)
        gains = _purity(left[:-1]) + _purity(left[-1] - left[:-1]) - _purity(left[-1:])
        gains[values[:-1] == values[1:]] = 0
        if len(gains):
            best = int(gains.argmax())
            yield _Cut(float(gains[best]), place, axis, _middle(values[best], values[best + 1]))


def _purity(counts: npt.NDArray[np.int64]) -> Floats:
    """The number of points less their summed Gini impurity: [..., label] -> [...]."""
    purity: Floats = np.square(counts).sum(-1) / np.maximum(counts.sum(-1), 1)
    return purity


def _middle(low: float, high: float) -> float:
    """Between two values; by their ratio where both are positive, as on a logarithmic axis."""
    return float(math.sqrt(low * high) if low > 0 else (low + high) / 2)


def _halves(region: _Region, cut: _Cut, points: Floats) -> list[_Region]:
    below = points[region.points, cut.axis] < cut.at
    low, high = region.bounds[cut.axis]
    halves = []
    for inside, side in ((below, (low, cut.at)), (~below, (cut.at, high))):
        other = region.bounds[1 - cut.axis]
        halves.append(_Region(region.points[inside], (side, other) if cut.axis == 0 else (other, side)))
    return halves
