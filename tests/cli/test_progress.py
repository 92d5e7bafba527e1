"""Training as it is watched."""

import io
from pathlib import Path

from rich.console import Console

from hypergraph.cli.progress import _View
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe


def view_of(folder: Path) -> _View:
    """A view of three members in two chunks that have told of themselves once."""
    config = RunConfig("task", (MLPSpec((4, 8, 1)),), 3, 0, "cpu", Recipe(steps=1000))
    chunks = [Chunk(folder, range(2)), Chunk(folder, range(2, 3))]
    view = _View(config, chunks)
    first = {"step": 400, "beta": [1e-9], "loss": [[0.1, 0.3]], "kl": [[10.0, 30.0]], "algorithm": [["one", "two"]]}
    second = {"step": 300, "beta": [1e-9], "loss": [[0.2]], "kl": [[20.0]], "algorithm": [["one"]]}
    assert view.update(chunks[0], first)
    assert view.update(chunks[1], second)
    return view


def test_a_line_tells_step_loss_kl_algorithms_and_time(tmp_path: Path) -> None:
    line = view_of(tmp_path).line()
    assert "step 366/1000" in line
    assert "beta 1e-09: loss 0.100-0.300 KL 10.0-30.0 nats" in line
    assert "found: one, two" in line
    assert "left" in line


def test_the_live_table_fits_a_terminal(tmp_path: Path) -> None:
    buffer = io.StringIO()
    Console(file=buffer, width=100).print(view_of(tmp_path).table())
    shown = buffer.getvalue()
    assert "366/1000" in shown
    assert "1e-09  0.200  20.0" in shown
    assert "2 one, 1 two" in shown
