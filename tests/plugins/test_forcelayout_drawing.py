"""Pictures: formats, bytes, titles, and what is drawn of the weights."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import pytest
import torch
from torch import Tensor

from hypergraph.spec import MLPSpec
from hypergraph_forcelayout import drawing as module
from hypergraph_forcelayout.drawing import picture

SPEC = MLPSpec((2, 2, 1))
POSITIONS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.5]], dtype=torch.float64)


def _matrix() -> Tensor:
    matrix = torch.zeros(5, 5, dtype=torch.float64)
    matrix[2, 0], matrix[2, 1], matrix[3, 0], matrix[3, 1] = 1.0, -0.5, 0.01, 0.2
    matrix[4, 2], matrix[4, 3] = -0.8, 0.3
    return matrix


def _draw(suffix: str, title: str = "") -> bytes:
    return picture(_matrix(), SPEC, POSITIONS, title, suffix)


def _weights(svg: bytes) -> list[tuple[str, float]]:
    """Colour and width of each weight, in drawing order."""
    group = svg.decode().split('<g id="LineCollection_1">')[1].split("</g>")[0]
    return [(colour, float(width)) for colour, width in re.findall(r"stroke: (#\w+);.*?stroke-width: ([\d.]+)", group)]


@pytest.mark.parametrize(("suffix", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG\r\n"), (".pdf", b"%PDF-")])
def test_each_format_is_produced_and_the_same_every_time(suffix: str, magic: bytes) -> None:
    data = _draw(suffix, "title")
    assert data.startswith(magic)
    assert data == _draw(suffix, "title")


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


def test_the_users_settings_neither_matter_nor_change() -> None:
    data = _draw(".svg", "title")
    with matplotlib.rc_context({"savefig.facecolor": "black", "font.size": 30.0, "svg.hashsalt": "other"}):
        assert _draw(".svg", "title") == data
        assert matplotlib.rcParams["svg.hashsalt"] == "other"


def test_a_network_without_weights_is_only_neurons() -> None:
    svg = picture(torch.zeros(5, 5, dtype=torch.float64), SPEC, POSITIONS, "", ".svg").decode()
    assert [svg.count(f"fill: {colour}") for colour in (module.INPUT, module.HIDDEN, module.OUTPUT)] == [2, 2, 1]
    assert module.POSITIVE not in svg
