"""Check a visualizer: every layout draws into every format, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import torch

from hypergraph.errors import FileError, UsageError
from hypergraph.interfaces import Visualizer
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import equal, own_stream, random_networks
from hypergraph.weights import MLPWeights

TITLES = ("$\\frac$ <b>", "ü & β")
"""Titles that break a drawing which reads them as formulas, markup or ASCII."""
SIGNATURES = {".svg": b"<", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF"}
"""The first bytes of each format."""

Draw = Callable[[MLPWeights, Sequence[Path], Sequence[str]], list[bytes]]
"""Draws networks into paths, under titles; returns the content of the files."""


def check_visualizer(visualizer: Visualizer, spec: MLPSpec, folder: Path) -> None:
    """Check that every layout draws networks of `spec` into files in `folder`: one each, one alone, and all in one."""
    layouts = list(visualizer.layouts)
    assert layouts, "there must be a layout"
    assert len(set(layouts)) == len(layouts), f"a layout is named twice in {layouts}"
    networks = random_networks(spec, 2)
    _check_refusals(visualizer, networks[:1], folder)
    for layout in layouts:
        draw = partial(_drawn, visualizer, layout)
        one, other = draw(networks, [folder / f"{layout}-untitled-{index}.svg" for index in range(2)], ())
        assert one != other, f"{layout}: different networks must be drawn differently"
        for suffix in SIGNATURES:
            _check_drawings(draw, networks, folder / f"{layout}{suffix}")
        _check_positions(visualizer, networks, layout)


def _check_positions(visualizer: Visualizer, networks: MLPWeights, layout: str) -> None:
    """Check the places of one path of two frames, and of a path that goes on from there."""
    path = networks.map(lambda tensor: tensor[None])
    places = visualizer.positions(path, layout=layout)
    if places is None:
        return
    further = visualizer.positions(path, layout=layout, start=places[:, -1])
    for found in (places, further):
        rule = f"{layout}: positions must be finite numbers [path, frame, neuron, 2], or None"
        shape = (1, 2, sum(networks.spec.sizes), 2)
        assert found is not None and tuple(found.shape) == shape and bool(found.isfinite().all()), rule  # noqa: PT018


def _check_refusals(visualizer: Visualizer, network: MLPWeights, folder: Path) -> None:
    known, blocking = visualizer.layouts[0], folder / "file"
    blocking.write_bytes(b"")
    for layout, path, error in (
        ("no such layout", folder / "refused.svg", UsageError),
        (known, folder / "refused.nonsense", UsageError),
        (known, blocking / "folder" / "refused.svg", FileError),
    ):
        rule = f"layout {layout!r} and the file {path} must raise {error.__name__}"
        try:
            visualizer.draw(network, [path], layout=layout, titles=["network"])
        except error:
            continue
        except Exception as other:
            raise AssertionError(f"{rule}, not {other!r}") from other
        raise AssertionError(rule)


def _check_drawings(draw: Draw, networks: MLPWeights, path: Path) -> None:
    """Check drawings of two networks into files beside `path`, in its format."""
    paths = [path.with_stem(f"{path.stem}-{name}") for name in ("first", "second", "alone", "together")]
    first, second = draw(networks, paths[:2], TITLES)
    alone, again = (draw(networks[:1], paths[2:3], TITLES[:1]) for _ in range(2))
    assert alone == again, f"{path.name}: the same seed must give the same file"
    assert alone == [first], f"{path.name}: a network must be drawn alone as beside others"
    (page,) = draw(networks, paths[3:], TITLES)
    assert page not in (first, second), f"{path.name}: one path must get all networks"


def _drawn(
    visualizer: Visualizer, layout: str, networks: MLPWeights, paths: Sequence[Path], titles: Sequence[str]
) -> list[bytes]:
    """Draw, and check the side effects; returns the content of the files."""
    copies, figures = networks.map(torch.clone), plt.get_fignums()
    for path in paths:
        path.unlink(missing_ok=True)
    with own_stream("draw", "seed"):
        try:
            visualizer.draw(networks, paths, layout=layout, seed=1, titles=titles)
        except Exception as error:
            names = [path.name for path in paths]
            raise AssertionError(f"drawing {names} with titles {list(titles)} raises {error!r}") from error
    assert equal(networks, copies), "draw must not change the weights it is given"
    assert plt.get_fignums() == figures, "draw leaves figures of pyplot open: close them, or use Figure"
    return [_read(path) for path in paths]


def _read(path: Path) -> bytes:
    assert path.exists(), f"{path.name} must be written"
    data = path.read_bytes()
    wrong = f"{path.name} holds another format"
    assert data.startswith(SIGNATURES[path.suffix]), wrong
    if path.suffix == ".svg":
        try:
            tag = ElementTree.fromstring(data).tag
        except ElementTree.ParseError as error:
            raise AssertionError(f"{path.name} is no well-formed XML: {error}") from error
        assert tag.rpartition("}")[2] == "svg", wrong
    return data
