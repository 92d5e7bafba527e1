"""The visualizer `forcelayout`: any network into files, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hypergraph.errors import FileError, HypergraphError, UsageError
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout import layout, visualizer
from hypergraph_forcelayout.adjacency import adjacency
from hypergraph_forcelayout.drawing import HIDDEN, INPUT, OUTPUT
from hypergraph_forcelayout.visualizer import ForceLayout

SPECS = [
    MLPSpec((1, 1)),
    MLPSpec((4, 2)),
    MLPSpec((3, 5, 4, 2), skips=((0, 2), (0, 3), (1, 3))),
    MLPSpec((2, 4, 2), masks=(Connection(0, 1, ("10", "10", "01", "01")), Connection(1, 2, ("1100", "0011")))),
    MLPSpec((4, 6, 6, 6, 6, 6, 6, 6, 6, 2), bias=False),
]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ANNEALING", 40)
    monkeypatch.setattr(layout, "SETTLING", 10)


def _weights(spec: MLPSpec, networks: int = 1) -> MLPWeights:
    rng = torch.Generator().manual_seed(0)
    weights = []
    for c in spec.connections:
        rows = c.rows or ("1" * spec.sizes[c.source],) * spec.sizes[c.target]
        kept = torch.tensor([[float(digit) for digit in row] for row in rows])
        weights.append(torch.randn(networks, *kept.shape, generator=rng) * kept)
    biases = tuple(torch.randn(networks, size, generator=rng) for size in spec.sizes[1:]) if spec.bias else ()
    return MLPWeights(spec, tuple(weights), biases)


def _lines(path: Path) -> list[Tensor]:
    """Both ends of every weight [end, xy] of each network in an SVG."""
    groups = re.findall(r'<g id="LineCollection_\d+">(.*?)</g>', path.read_text(), re.DOTALL)
    ends = [re.findall(r"[ML] ([\d.]+) ([\d.]+)", group) for group in groups]
    return [torch.tensor([[float(x), float(y)] for x, y in network], dtype=torch.float64) for network in ends]


@pytest.mark.parametrize("layout_name", ForceLayout().layouts)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_any_spec_is_drawn(spec: MLPSpec, layout_name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.svg"
    ForceLayout().draw(_weights(spec), [path], layout=layout_name)
    svg = path.read_text()
    assert sum(svg.count(f"fill: {colour}") for colour in (INPUT, HIDDEN, OUTPUT)) == sum(spec.sizes)


def test_a_batch_gives_a_file_each_as_if_drawn_alone(tmp_path: Path) -> None:
    weights = _weights(MLPSpec((3, 5, 1)), networks=3).map(lambda t: t.bfloat16().requires_grad_())
    paths = [tmp_path / name for name in ("a.svg", "b.SVG", "c.svg")]
    ForceLayout().draw(weights, paths, layout="force", seed=7, titles=["a", "b", "c"])
    alone = tmp_path / "alone.svg"
    ForceLayout().draw(weights[1:2], [alone], layout="force", seed=7, titles=["b"])
    assert alone.read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes() != paths[2].read_bytes()


def test_one_path_gets_all_networks_as_they_are_drawn_alone(tmp_path: Path) -> None:
    weights = _weights(MLPSpec((3, 5, 1)), networks=2)
    together, *alone = (tmp_path / name for name in ("together.svg", "a.svg", "b.svg"))
    ForceLayout().draw(weights, [together], layout="force", seed=7, titles=["a", "b"])
    ForceLayout().draw(weights, alone, layout="force", seed=7, titles=["a", "b"])
    beside = _lines(together)
    by_itself = [lines for path in alone for lines in _lines(path)]
    assert beside[0][0, 0] < beside[1][0, 0]
    for drawn, expected in zip(beside, by_itself, strict=True):
        torch.testing.assert_close(drawn - drawn[0], expected - expected[0], rtol=0, atol=1e-5)


def test_formats_of_a_picture_share_its_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[int] = []

    def count(matrices: Tensor, seed: int) -> Tensor:
        laid_out.append(seed)
        return layout.force_layout(matrices, seed)

    monkeypatch.setattr(visualizer, "force_layout", count)
    weights, drawing = _weights(MLPSpec((3, 5, 1)), networks=2), ForceLayout()
    for name in ("a.svg", "a.png", "a.pdf"):
        drawing.draw(weights, [tmp_path / name], layout="force", seed=7)
    assert laid_out == [7]
    for other, seed in ((weights, 8), (weights.map(lambda t: t * t), 8), (weights[:1], 8), (weights, 7)):
        drawing.draw(other, [tmp_path / "b.svg"], layout="force", seed=seed)
    assert laid_out == [7, 8, 8, 8, 7]
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_no_networks_are_no_files() -> None:
    for layout_name in ForceLayout().layouts:
        ForceLayout().draw(_weights(SPECS[1], networks=0), [], layout=layout_name)


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown layout 'circle'; choose force or layered"):
        ForceLayout().draw(_weights(SPECS[1]), [tmp_path / "a.svg"], layout="circle")


@pytest.mark.parametrize("name", ["a.jpeg", "a"])
def test_an_unknown_suffix_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    paths = [tmp_path / "first.svg", tmp_path / name]
    with pytest.raises(UsageError, match=r"its name must end in \.svg, \.png, \.pdf"):
        ForceLayout().draw(_weights(SPECS[1], networks=2), paths, layout="force")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = _weights(SPECS[1]).map(lambda t: t / 0)
    with pytest.raises(HypergraphError, match="NaN or infinite"):
        ForceLayout().draw(weights, [tmp_path / "a.svg"], layout="layered")


def test_counts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    networks = _weights(SPECS[1], networks=3)
    for weights, count in ((networks, 2), (networks[:1], 2), (networks[0], 1), (networks[:0], 1), (networks, 0)):
        with pytest.raises(ValueError, match=f"{count} paths and 0 titles do not fit networks"):
            ForceLayout().draw(weights, paths[:count], layout="force")
    for weights in (networks, networks[:1]):
        with pytest.raises(ValueError, match="2 titles"):
            ForceLayout().draw(weights, paths[:1], layout="force", titles=["a", "b"])


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot write"):
        ForceLayout().draw(_weights(SPECS[1]), [tmp_path / "file" / "a.svg"], layout="layered")


def _path(spec: MLPSpec, frames: int) -> MLPWeights:
    """A path of networks that change little from frame to frame: [1, frame, ...]."""
    first, last = _weights(spec), _weights(spec).map(lambda tensor: tensor.flip(-1))
    shares = torch.linspace(0, 0.3, frames)
    joined = [
        torch.stack([(1 - share) * a + share * b for share in shares], 1)
        for a, b in zip((*first.weights, *first.biases), (*last.weights, *last.biases), strict=True)
    ]
    count = len(first.weights)
    return MLPWeights(spec, tuple(joined[:count]), tuple(joined[count:]))


@pytest.mark.parametrize("layout_name", ForceLayout().layouts)
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2]], ids=str)
def test_neurons_glide_along_a_path(spec: MLPSpec, layout_name: str) -> None:
    path, drawing = _path(spec, 6), ForceLayout()
    places = drawing.positions(path, layout=layout_name, seed=7)
    assert places.shape == (1, 6, sum(spec.sizes), 2)
    size = (places.amax(-2) - places.amin(-2)).max()
    assert float(places.diff(dim=1).norm(dim=-1).max()) < 0.4 * size
    if layout_name == "force":
        torch.testing.assert_close(places[:, 0], layout.force_layout(adjacency(path[:, 0]), 7))
    further = drawing.positions(path[:, -1:], layout=layout_name, start=places[:, -1])
    assert float((further[:, 0] - places[:, -1]).norm(dim=-1).max()) < 0.2 * size


def test_paths_that_cannot_be_laid_out_are_refused() -> None:
    drawing, path = ForceLayout(), _path(SPECS[1], 2)
    with pytest.raises(UsageError, match="unknown layout 'circle'"):
        drawing.positions(path, layout="circle")
    with pytest.raises(HypergraphError, match="NaN or infinite"):
        drawing.positions(path.map(lambda tensor: tensor / 0), layout="layered")
    with pytest.raises(UsageError, match="has 301 neurons; at most 300 can move"):
        drawing.positions(_path(MLPSpec((300, 1)), 1), layout="force")
