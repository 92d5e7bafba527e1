"""An experiment as it is watched: live on a terminal, in plain lines elsewhere."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from hypergraph.experiment import display as display_module
from hypergraph.experiment.display import Display, TrainingView
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Diverged, Event, NotDrawn, Noticed, Progressed, Stopping, Watched
from hypergraph.runs.records import Metrics
from hypergraph.spec import MLPSpec
from hypergraph.training.failures import Failure
from hypergraph.training.recipe import Recipe

FIRST: dict[str, Any] = {"beta": (1e-9,), "loss": [[0.1, 0.3]], "kl": [[10.0, 30.0]], "algorithm": [["one", "two"]]}
SECOND: dict[str, Any] = {"beta": (1e-9,), "loss": [[0.2]], "kl": [[20.0]], "algorithm": [["one"]]}
METRICS = Metrics(step=300, time=0.0, **SECOND), Metrics(step=400, time=1.0, **FIRST)


def directory(folder: Path) -> RunDirectory:
    """A run of three members in two chunks."""
    specs, recipe = (MLPSpec((4, 8, 1)),), Recipe(steps=1000)
    return RunDirectory(folder, RunConfig("task", specs, 3, 0, "cpu", recipe, chunk_count=2))


def watched(run: RunDirectory) -> list[Event]:
    """What the two chunks tell of themselves."""
    members = [(chunk.members[0], chunk.members[-1]) for chunk in run.chunks]
    return [Watched(each, metrics) for each, metrics in zip(members, METRICS, strict=True)]


def view_of(folder: Path) -> TrainingView:
    """A view of chunks that have told of themselves once."""
    run = directory(folder)
    view = TrainingView(run, Console(file=io.StringIO()))
    assert all(view.update(event) for event in watched(run) if isinstance(event, Watched))
    return view


def test_a_line_tells_step_loss_kl_algorithms_and_time(tmp_path: Path) -> None:
    line = view_of(tmp_path).line()
    assert "step 366/1000" in line
    assert "beta 1e-09: loss 0.100-0.300 KL 10.0-30.0 nats" in line
    assert "found: one, two" in line
    assert "left" in line


def test_a_training_without_a_classifier_says_when_families_come(tmp_path: Path) -> None:
    view = TrainingView(directory(tmp_path), Console(file=io.StringIO()))
    unlabelled = Metrics(step=300, time=0.0, **{**SECOND, "algorithm": [[None]]})
    assert view.update(Watched((0, 0), unlabelled))
    assert "families are found after the training" in view.line()
    assert "found: nothing yet" not in view.line()


def test_the_live_table_fits_a_terminal(tmp_path: Path) -> None:
    buffer = io.StringIO()
    Console(file=buffer, width=100).print(view_of(tmp_path).table())
    shown = buffer.getvalue()
    assert "366/1000" in shown
    assert "1e-09  0.200  20.0" in shown
    assert "2 one, 1 two" in shown


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_every_event_is_shown(tmp_path: Path, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    buffer = Terminal() if terminal else io.StringIO()
    failure = Failure(member=1, step=3, back_to=2, loss=None, kl=1.0, retired=False)
    run = directory(tmp_path)
    events = [
        *watched(run),
        Diverged((0, 1), failure),
        Stopping(),
        Progressed("sweeping beta", 3, 31),
        NotDrawn("sizes", "no member solves it"),  # a line above the bar, which is drawn again with it
        Progressed("sweeping beta", 31, 31),
        Noticed("something"),
    ]
    with Display(run, Console(file=buffer, width=100, color_system=None, highlight=False)) as display:
        for event in events:
            display(event)
    shown = buffer.getvalue()
    for text in (str(failure), "Stopping after this step", "figure sizes not drawn: no member solves it", "something"):
        assert text in shown
    assert ("sweeping beta" in shown) == terminal
    assert ("beta 1e-09: loss 0.100-0.300" in shown) != terminal


@pytest.mark.parametrize(("name", "value", "file"), [("TERM", "dumb", Terminal()), ("FORCE_COLOR", "1", io.StringIO())])
def test_what_cannot_move_its_cursor_is_sent_plain_lines(
    name: str, value: str, file: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    run = directory(tmp_path)
    with Display(run, Console(file=file, highlight=False)) as display:
        for event in watched(run):
            display(event)
    assert len(file.getvalue().splitlines()) == 2
    assert "\x1b" not in file.getvalue()


def test_a_notebook_shows_one_cell_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    cell = SimpleNamespace(update=lambda data, raw: shown.append(data["text/html"]))
    monkeypatch.setattr(display_module, "_notebook_cell", lambda: cell)
    run, buffer = directory(tmp_path), io.StringIO()
    with Display(run, Console(file=buffer)) as display:
        for event in watched(run):
            display(event)
    assert "366/1000" in shown[1]
    assert "2 one, 1 two" in shown[1]
    assert shown[-1] == ""
    assert buffer.getvalue() == ""
