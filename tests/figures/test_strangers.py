"""Texts of strangers in pictures: escaped in the SVG, taken literally, and none of them a script."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.extensions.registry import VISUALIZERS
from hypergraph.figures.catalogue import draw
from hypergraph.figures.output import plotted
from hypergraph.interfaces import Visualizer
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Drawn
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

HOSTILE = [
    "<script>alert(1)</script>",
    "--></g><script>&'\"]]>",
    "a & b &amp; &#60;script&#62;",
    "$\\frac{$ and $\\nothing$",
    "$$",
    "\\$5 $x^2$",
    "bell\x07 escape\x1b[2J nul\0 lone\ud800",
]


def check(svg: Path) -> None:
    """It parses, and nothing in it acts."""
    elements = list(ElementTree.fromstring(svg.read_bytes()).iter())
    assert len(elements) > 10
    for element in elements:
        assert not re.search("script|foreignObject|iframe", str(element.tag), re.I)
        assert not any(name.lower().startswith("on") for name in element.attrib)
        assert not any("javascript:" in value.lower() for value in element.attrib.values())


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_of_a_figure_is_literal(text: str, tmp_path: Path) -> None:
    drawn: list[Figure] = []

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([1, 1000], [1, 1000], label=text)
        axes.set(xscale="log", yscale="log", xlabel=text, ylabel=text, title=text)
        axes.text(1, 1, text)
        axes.legend(title=text)
        figure.supxlabel(text)
        figure.legend()
        drawn.append(figure)

    sheet = plotted([{"text": 1}], (3, 3), plot)
    for name in ("picture.svg", "picture.png"):
        sheet.draw(tmp_path / name, "")
    check(tmp_path / "picture.svg")
    title, label = drawn[0].axes[0].title, drawn[0].axes[0].get_xticklabels()[1]
    assert not title.get_parse_math()
    assert title.get_text().isprintable()
    assert label.get_text().startswith("$\\mathdefault{10^{")  # as numbers of logarithmic axes still are
    assert label.get_parse_math()


@pytest.mark.parametrize("text", HOSTILE)
def test_titles_of_drawn_networks_are_literal(text: str, tmp_path: Path) -> None:
    spec = MLPSpec((2, 1))
    networks = MLPWeights(spec, (torch.ones(2, 1, 2),), (torch.zeros(2, 1),))
    visualizer: Visualizer = VISUALIZERS.load("forcelayout")
    visualizer.draw(networks, [tmp_path / "picture.svg"], layout="layered", titles=[text, f"{text}\n{text}"])
    check(tmp_path / "picture.svg")


@pytest.mark.parametrize("label", [text for text in HOSTILE if text.isprintable()])
def test_labels_of_a_strangers_result_are_drawn(label: str, copied: Path) -> None:
    result = json.loads((copied / "result.json").read_text())
    for row in result["networks"]:
        row["algorithm"] = label
    (copied / "result.json").unlink()
    (copied / "result.json").write_text(json.dumps(result))
    (event,) = draw(FinishedRun(RunDirectory.open(copied)), ["rate"])
    assert isinstance(event, Drawn), event
    check(copied / "figures" / "rate.svg")
