"""What all figures share: files that say the same every time, numbers that read back, cells, intervals."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hypergraph.errors import FileError
from hypergraph.figures.output import (
    PALETTE,
    FigureOutput,
    by_group,
    coloured,
    edges,
    grid,
    legend_columns,
    plotted,
    tick_logarithmic,
)
from hypergraph.figures.phases import wilson

SUFFIXES = (".svg", ".png")


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (0, 33, 0.0, 0.1043),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_intervals_of_frequencies(count: int, total: int, low: float, high: float) -> None:
    assert wilson(count, total) == pytest.approx((low, high), abs=6e-5)


@given(total=st.integers(1, 2000), data=st.data())
def test_an_interval_holds_its_share_and_grows_with_the_count(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    low, high = wilson(count, total)
    assert 0 <= low <= count / total + 1e-12
    assert count / total - 1e-12 <= high <= 1
    assert low < high
    assert wilson(total - count, total) == pytest.approx((1 - high, 1 - low))
    assert wilson(7 * count, 7 * total)[1] - wilson(7 * count, 7 * total)[0] < high - low
    if count < total:
        assert wilson(count + 1, total)[0] > low or low == 0
        assert wilson(count + 1, total)[1] > high or high == 1


@pytest.mark.parametrize("width", [3.0, 4.4, 9.0])
def test_a_legend_is_as_wide_as_its_figure_at_most(tmp_path: Path, width: float) -> None:
    labels = [f"family {letter}" for letter in "ABCDE"] + ["family A to family B (12)"]
    handles = [Patch(label=label) for label in labels]

    def plot(figure: Figure) -> None:
        figure.subplots()
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, width))
        figure.draw_without_rendering()
        assert legend.get_window_extent().width <= figure.bbox.width

    plotted([{"x": 1}], (width, 3.0), plot).draw(tmp_path / "figure.png", "")
    assert legend_columns(handles, 100.0) == len(handles)


@given(values=st.lists(st.integers(-1000, 1000), min_size=1, max_size=20, unique=True).map(sorted))
def test_every_value_has_a_cell_and_cells_meet_halfway(values: list[int]) -> None:
    borders = edges(values)
    assert len(borders) == len(values) + 1
    assert list(borders[1:-1]) == [(low + high) / 2 for low, high in pairwise(values)]
    assert all(low < value < high for low, value, high in zip(borders[:-1], values, borders[1:], strict=True))
    assert borders[0] + borders[1] == 2 * values[0]
    assert borders[-1] + borders[-2] == 2 * values[-1]


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)


@settings(max_examples=8)  # each is synced to the disk
@given(rows=st.lists(st.fixed_dictionaries({"a name": texts, "b,c": numbers, "d": st.integers()}), min_size=1))
def test_rows_read_back_from_csv_as_they_were(rows: list[dict[str, Any]], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = FigureOutput(rows, lambda path, note: None).write(folder, "numbers")[-1]
    assert path == folder / "numbers.csv"
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        read = [{"a name": row["a name"], "b,c": float(row["b,c"]), "d": int(row["d"])} for row in reader]
    assert read == rows
    assert reader.fieldnames == list(rows[0])
    assert b"\r" not in path.read_bytes()


def line(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([1, 2, 3], [1, 4, 9], label="squares")
    axes.legend()


def test_a_figure_is_the_same_every_time_whatever_the_users_settings(tmp_path: Path) -> None:
    written = [plotted([{"x": 1}], (3, 2), line).write(tmp_path / name, "line") for name in ("one", "two")]
    with mpl.rc_context({"savefig.facecolor": "black", "font.size": 30.0, "svg.hashsalt": "other"}):
        written.append(plotted([{"x": 1}], (3, 2), line).write(tmp_path / "three", "line"))
        assert mpl.rcParams["font.size"] == 30.0
    assert [path.name for path in written[0]] == ["line.svg", "line.png", "line.csv"]
    for first, *others in zip(*written, strict=True):
        assert [path.read_bytes() for path in others] == [first.read_bytes()] * 2
    assert b"<dc:date>" not in written[0][0].read_bytes()
    assert written[0][1].read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match="cannot write"):
        plotted([{"x": 1}], (3, 2), line).write(tmp_path / "file", "line")


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (3, 3), (4, 3), (5, 2), (7, 4)])
def test_a_grid_has_a_panel_each_in_rows_and_hides_the_rest(count: int, columns: int) -> None:
    figure = Figure()
    panels = grid(figure, count, columns)
    assert len(panels) == count
    assert [axes for axes in figure.axes if axes.axison] == panels
    places = [axes.get_position() for axes in panels]
    assert [(-round(p.y0, 3), round(p.x0, 3)) for p in places] == sorted(
        (-round(p.y0, 3), round(p.x0, 3)) for p in places
    )
    assert np.unique([round(p.x0, 3) for p in places]).size == min(count, columns)


def test_groups_keep_the_order_of_their_rows() -> None:
    rows = [{"member": member, "kind": kind, "n": n} for n, (member, kind) in enumerate([(2, "a"), (1, "b"), (2, "b")])]
    assert by_group(rows, "member") == {2: [rows[0], rows[2]], 1: [rows[1]]}
    assert list(by_group(rows, "member")) == [2, 1]


@given(groups=st.lists(st.text(max_size=3), max_size=20))
def test_every_group_has_a_colour_that_depends_on_no_order(groups: list[str]) -> None:
    colours = coloured(groups)
    assert list(colours) == sorted(set(groups))
    assert colours == coloured(reversed(groups))
    assert len(set(colours.values())) == min(len(colours), len(PALETTE))


def overlapping(figure: Figure) -> list[str]:
    """Labels of ticks that the label before them runs into."""
    (axes,) = figure.axes
    figure.savefig(io.BytesIO(), format="png")
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        labels = [label for which in ("major", "minor") for label in axis.get_ticklabels(which=which)]
        low, high = axis.get_view_interval()
        shown = [
            label for label in labels if label.get_text() and low <= label.get_position()[axis is axes.yaxis] <= high
        ]
        boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: (box.x0, box.y0))
        found += [str(box) for before, box in pairwise(boxes) if before.overlaps(box)]
        assert len(shown) >= 2
    return found


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1e-5, 1e-3, 0.1, 0.5, 0.9, 1.1, 2.0, 3.0, 5.0, 20.0, 90.0, 250.0, 900.0, 1e4])
@pytest.mark.parametrize("loss", [0.0560013, 0.6931, 3.2e-4])
def test_logarithmic_axes_can_be_read_however_little_the_data_span(loss: float, spread: float) -> None:
    losses = [loss * (1 + spread * share) for share in (0, 0.1, 0.35, 1)]
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, losses)
    axes.set(xscale="log", yscale="log")
    tick_logarithmic(axes)
    assert overlapping(figure) == []
    assert "times" not in "".join(label.get_text() for label in axes.get_xticklabels()) or spread > 90
