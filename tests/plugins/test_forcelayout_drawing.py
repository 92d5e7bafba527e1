"""Pictures: formats, bytes, titles, and what is drawn of the weights."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import matplotlib.style
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from hypergraph.interfaces import Group
from hypergraph.spec import MLPSpec
from hypergraph_forcelayout import drawing as module
from hypergraph_forcelayout.drawing import Panel, picture

pytestmark = pytest.mark.slow
SPEC = MLPSpec((2, 2, 1))
POSITIONS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.5]], dtype=torch.float64)


def _matrix() -> Tensor:
    matrix = torch.zeros(5, 5, dtype=torch.float64)
    matrix[2, 0], matrix[2, 1], matrix[3, 0], matrix[3, 1] = 1.0, -0.5, 0.01, 0.2
    matrix[4, 2], matrix[4, 3] = -0.8, 0.3
    return matrix


def _draw(suffix: str, *titles: str) -> bytes:
    return picture([Panel(_matrix(), POSITIONS, title) for title in titles or [""]], SPEC, suffix)


def _page(titles: list[str]) -> Figure:
    # Networks of different shapes: wide, then tall.
    positions = [POSITIONS, POSITIONS.flip(1)]
    with matplotlib.style.context("default"):
        figure = module._page([Panel(_matrix(), positions[n % 2], title) for n, title in enumerate(titles)], SPEC)
        figure.draw_without_rendering()
    return figure


def _weights(svg: bytes) -> list[tuple[str, float]]:
    """Colour and width of each weight, in drawing order."""
    group = svg.decode().split('<g id="LineCollection_1">')[1].split("</g>")[0]
    return [(colour, float(width)) for colour, width in re.findall(r"stroke: (#\w+);.*?stroke-width: ([\d.]+)", group)]


@pytest.mark.parametrize(("suffix", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG\r\n"), (".pdf", b"%PDF-")])
@pytest.mark.parametrize("titles", [["title"], ["one", "two", "three"]])
def test_each_format_is_produced_and_the_same_every_time(titles: list[str], suffix: str, magic: bytes) -> None:
    data = _draw(suffix, *titles)
    assert data.startswith(magic)
    assert data == _draw(suffix, *titles)


def test_no_date_is_kept() -> None:
    assert b"dc:date" not in _draw(".svg")
    assert b"CreationDate" not in _draw(".pdf")


def test_weights_are_drawn_weakest_first_and_negligible_ones_not_at_all() -> None:
    red, blue = module.POSITIVE, module.NEGATIVE
    weights = _weights(_draw(".svg"))
    assert [colour for colour, _ in weights] == [red, red, blue, blue, red]
    widths = [width for _, width in weights]
    assert widths == sorted(widths)
    assert widths[-1] > 3 * widths[0]


def test_every_layer_has_its_colour() -> None:
    svg = _draw(".svg").decode()
    for colour, count in ((module.INPUT, 2), (module.HIDDEN, 2), (module.OUTPUT, 1)):
        assert svg.count(f"fill: {colour}") == count


def test_groups_have_their_colours_and_a_legend() -> None:
    groups = [Group("one $5", [(1, 0)]), Group("other $", [(1, 1)], minor=True)]
    svg = picture([Panel(_matrix(), POSITIONS, "title", groups)], SPEC, ".svg").decode()
    for colour, count in ((module.INPUT, 2), (module.HIDDEN, 0), (module.GROUPS[0], 2), (module.MINOR[0], 2)):
        assert svg.count(f"fill: {colour}") == count, "a neuron and its mark in the legend"


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
@pytest.mark.parametrize("title", [r"costs $5 & $\frac{", "a < b > c -- d\nβ = 1e-6"])
def test_titles_are_plain_text(title: str, suffix: str) -> None:
    data = _draw(suffix, title)
    assert data != _draw(suffix)
    if suffix == ".svg":
        ElementTree.fromstring(data)


def test_many_weights_become_pixels_within_a_vector_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 3)
    data = _draw(".svg")
    assert b"<image" in data
    assert data == _draw(".svg")


def test_what_is_many_counts_for_the_whole_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 7)
    assert _draw(".svg").count(b"<image") == 0
    assert _draw(".svg", "one", "two").count(b"<image") == 2


def test_the_users_settings_neither_matter_nor_change() -> None:
    data = _draw(".svg", "title")
    with matplotlib.rc_context({"savefig.facecolor": "black", "font.size": 30.0, "svg.hashsalt": "other"}):
        assert _draw(".svg", "title") == data
        assert matplotlib.rcParams["svg.hashsalt"] == "other"


def test_a_network_without_weights_is_only_neurons() -> None:
    svg = picture([Panel(torch.zeros(5, 5, dtype=torch.float64), POSITIONS, "")], SPEC, ".svg").decode()
    assert [svg.count(f"fill: {colour}") for colour in (module.INPUT, module.HIDDEN, module.OUTPUT)] == [2, 2, 1]
    assert module.POSITIVE not in svg


@pytest.mark.parametrize(
    ("networks", "rows"), [(2, [2]), (3, [3]), (4, [4]), (5, [3, 2]), (6, [3, 3]), (8, [4, 4]), (9, [3, 3, 3])]
)
def test_panels_are_equal_and_stand_left_to_right_in_rows_of_at_most_four(networks: int, rows: list[int]) -> None:
    panels = [axes.get_window_extent() for axes in _page([""] * networks).axes]
    for panel in panels:
        assert panel.size == pytest.approx(panels[0].size)
    corners = [(-round(panel.y0), round(panel.x0)) for panel in panels]
    assert corners == sorted(corners)
    assert list(Counter(y for y, _ in corners).values()) == rows


def test_a_panel_has_room_for_its_network_at_a_point_to_the_unit() -> None:
    for axes in _page(["", ""]).axes:
        assert np.asarray(axes.get_window_extent().size) * 72 / axes.figure.dpi == pytest.approx(axes.viewLim.size)
        drawn = np.asarray(axes.collections[1].get_offsets())
        assert axes.viewLim.count_contains(drawn) == len(drawn) == 5
        assert list(drawn.max(0) + drawn.min(0)) == pytest.approx(list(axes.viewLim.max + axes.viewLim.min))


@pytest.mark.parametrize(
    "title",
    [
        "pudding: member 2, beta 2.5e-04, loss 0.325, KL 61 of 90 nats",
        "W" * 60,
        "many words " * 20,
        "a\nb\nc",
        "$a & $b",
    ],
)
def test_titles_stand_above_their_panels_and_overlap_nothing(title: str) -> None:
    figure = _page([title, title, "", "short", title, title])
    named = [axes for axes in figure.axes if axes.get_title()]
    panels = [axes.get_window_extent() for axes in figure.axes]
    titles = [axes.title.get_window_extent() for axes in named]
    assert not any(one.overlaps(other) for one, other in combinations([*panels, *titles], 2))
    for axes, box in zip(named, titles, strict=True):
        panel = axes.get_window_extent()
        assert (box.x0 + box.x1) / 2 == pytest.approx((panel.x0 + panel.x1) / 2, abs=1)
        assert panel.y1 < box.y0 < box.y1 < figure.bbox.y1


def test_sixty_letters_are_two_lines_of_full_size() -> None:
    axes, _ = _page(["pudding: member 2, beta 2.5e-04, loss 0.325, KL 61 of 90 nats", ""]).axes
    assert axes.get_title() == "pudding: member 2, beta 2.5e-04,\nloss 0.325, KL 61 of 90 nats"
    assert axes.title.get_fontsize() == module.TITLE
