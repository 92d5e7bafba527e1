"""The boundaries of figure 2, fitted to labels."""

import math
from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from hypergraph.analysis.boundaries import Boundary, fit_boundaries

COORDINATE = st.floats(-1e6, 1e6, width=32)
NETWORKS = st.lists(st.tuples(COORDINATE, COORDINATE, st.sampled_from("abc")), min_size=1, max_size=40)


def test_rectangles_of_labels_are_found() -> None:
    points = np.array([[x, y] for x in (1.0, 2, 8, 9) for y in (1.0, 2, 18, 19)])
    labels = ["left" if x < 4 else "low" if y < 6 else "high" for x, y in points]
    boundaries, wrong = fit_boundaries(points, labels)
    assert wrong == 0
    assert boundaries == [Boundary(0, 4, -math.inf, math.inf), Boundary(1, 6, 4, math.inf)]


def test_networks_on_a_wrong_side_are_counted() -> None:
    points = np.array([[float(x), 0.0] for x in range(40)])
    labels = ["a" if x < 20 else "b" for x in range(40)]
    labels[5], labels[30], labels[31] = "b", "a", "a"
    (boundary,), wrong = fit_boundaries(points, labels)
    assert boundary.at == pytest.approx(math.sqrt(19 * 20))
    assert wrong == 3


@given(NETWORKS)
def test_boundaries_do_no_worse_than_the_most_frequent_label(networks: list[tuple[float, float, str]]) -> None:
    points, labels = np.array([network[:2] for network in networks]), [label for *_, label in networks]
    boundaries, wrong = fit_boundaries(points, labels)
    assert wrong <= len(labels) - max(Counter(labels).values())
    assert len(boundaries) < len(set(labels)) or not boundaries
    assert all(boundary.low <= boundary.high and math.isfinite(boundary.at) for boundary in boundaries)


def test_networks_at_one_place_are_not_separated() -> None:
    assert fit_boundaries(np.zeros((4, 2)), list("aabb")) == ([], 2)
