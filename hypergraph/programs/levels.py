"""Approximate sorted numbers by a few levels, one of which may be zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_LEVELS = 4
"""Most levels of one pattern that are not zero."""


def segment(values: Floats, allowed: float) -> tuple[NDArray[np.int64], Floats]:
    """Split sorted numbers into the fewest levels whose squared error is allowed, or else into the most.

    Returns:
        The number of each value's level, 0 for zero, and the levels.
    """
    ends = np.arange(len(values) + 1)
    sums, squares = np.concatenate([[0], values.cumsum()]), np.concatenate([[0], np.square(values).cumsum()])
    lengths = np.maximum(ends[None] - ends[:, None], 1)
    zero = squares[None] - squares[:, None]
    level = zero - (sums[None] - sums[:, None]) ** 2 / lengths
    backward = ends[None] < ends[:, None]
    zero[backward] = level[backward] = np.inf
    level[np.diag_indices(len(ends))] = np.inf  # an empty segment is no level
    for count in range(MOST_LEVELS + 1):
        error, pieces = _best(zero, level, count)
        if error <= allowed or count == min(MOST_LEVELS, len(values)):
            return _labels(values, pieces)
    raise AssertionError("the last count returns")


def _best(zero: Floats, level: Floats, count: int) -> tuple[float, list[tuple[int, int, bool]]]:
    """The best split into `count` levels and at most one run of zeros: its error and its runs (first, end, zero)."""
    best: tuple[float, list[tuple[int, int, bool]]] = (np.inf, [])
    for place in range(count + 1):  # levels before the zeros
        kinds = [level] * place + [zero] + [level] * (count - place)
        error, ends = _split(kinds)
        if error < best[0]:
            starts = [0, *ends[:-1]]
            best = error, [(*run, kind is zero) for *run, kind in zip(starts, ends, kinds, strict=True)]  # type: ignore[misc]
    return best


def _split(kinds: list[Floats]) -> tuple[float, list[int]]:
    """The ends of runs of these kinds that have the least error together."""
    reached, back = kinds[0][0], []
    for kind in kinds[1:]:
        through = reached[:, None] + kind
        back.append(through.argmin(0))
        reached = through.min(0)
    end = len(reached) - 1
    ends = [end]
    for step in reversed(back):
        end = int(step[end])
        ends.append(end)
    return float(reached[-1]), ends[::-1]


def _labels(values: Floats, pieces: list[tuple[int, int, bool]]) -> tuple[NDArray[np.int64], Floats]:
    labels, means = np.zeros(len(values), dtype=np.int64), []
    for first, end, zero in pieces:
        if end > first and not zero:
            means.append(values[first:end].mean())
            labels[first:end] = len(means)
    return labels, np.array(means)
