"""An observer that shows an experiment: live on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from statistics import median
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from hypergraph.analysis.report import as_html
from hypergraph.interfaces import UNKNOWN
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Diverged, Event, Members, NotDrawn, Noticed, Progressed, Stopping, Trained, Watched
from hypergraph.runs.records import Metrics

PLAIN_LINES = 10
"""How many lines report a training where nothing can be shown live."""


class Display:
    """Shows the events of an experiment on a run, between entering and leaving it.

    Args:
        run: the run.
        console: where to show them.
    """

    def __init__(self, run: RunDirectory, console: Console) -> None:
        self.console = console
        self.training = TrainingView(run, console)
        self.stages = _progress(console, "{task.description}")
        self._shown: RenderableType = self.training.progress
        live = Live(console=console, get_renderable=lambda: self._shown, transient=True)
        self._live = live if console.is_terminal else None
        self._cell = _notebook_cell()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hide()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Trained() | Watched():
                due = self.training.update(event)
                self._show(self.training.table())
                if due and not (self._live or self._cell):
                    self._say(self.training.line())
            case Progressed():
                self._progressed(event)
            case Diverged():
                self._say(str(event.failure))
            case Stopping():
                self._say("Stopping after this step; interrupt again to stop at once.")
            case NotDrawn():
                self._say(f"figure {event.figure} not drawn: {event.reason}")
            case Noticed():
                self._say(event.text)

    def _progressed(self, event: Progressed) -> None:
        bars = {task.description: task.id for task in self.stages.tasks}
        bar = bars.get(event.stage)
        if bar is None:
            bar = self.stages.add_task(event.stage, total=event.total)
        self.stages.update(bar, completed=event.done, total=event.total, visible=event.done < event.total)
        self._show(self.stages)

    def _show(self, shown: RenderableType) -> None:
        self._shown = shown
        if self._cell:
            self._cell.update({"text/html": as_html([shown])}, raw=True)
        elif self._live and not self._live.is_started:
            self._live.start()

    def _hide(self) -> None:
        if self._cell:
            self._cell.update({"text/html": ""}, raw=True)
        elif self._live and self._live.is_started:
            self._live.stop()

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)


class TrainingView:
    """Where a training stands: how far it is, and what was generated last at a few prices."""

    def __init__(self, run: RunDirectory, console: Console) -> None:
        config = run.config
        self.members = config.members
        self.total = config.recipe.steps if config.recipe else 0
        trained = {(chunk.members[0], chunk.members[-1]): chunk.trained.exists() for chunk in run.chunks}
        self.steps: dict[Members, int] = {members: self.total * done for members, done in trained.items()}
        self.cells: dict[tuple[float, int], tuple[float, float, str]] = {}
        self.found: set[str] = set()
        self.heard: set[Members] = set()
        self.reported = -1
        self.progress = _progress(console, "training {task.description}", TextColumn("step"))
        self.bar = self.progress.add_task(f"{config.members} x {config.networks} on {config.task}", total=self.total)

    @property
    def step(self) -> int:
        """Steps that members have behind them, on average."""
        return sum((last - first + 1) * steps for (first, last), steps in self.steps.items()) // self.members

    def update(self, event: Trained | Watched) -> bool:
        """Take in an event. Returns whether it is time for the next plain line."""
        self.steps[event.members] = event.step if isinstance(event, Trained) else event.metrics.step
        if event.members in self.heard:
            self.progress.update(self.bar, completed=self.step)
        else:  # what a resumed training has behind it says nothing of the time that is left
            self.heard.add(event.members)
            self.progress.reset(self.bar, completed=self.step)
        if isinstance(event, Watched):
            self._take_in(event.members[0], event.metrics)
        tenth = self.step * PLAIN_LINES // self.total
        due = tenth > self.reported and bool(self.cells)
        self.reported = tenth if due else self.reported
        return due

    def _take_in(self, first: int, metrics: Metrics) -> None:
        for row, beta in enumerate(metrics.beta):
            columns = zip(metrics.loss[row], metrics.kl[row], metrics.algorithm[row], strict=True)
            for member, (loss, nats, label) in enumerate(columns, first):
                self.cells[beta, member] = _or_nan(loss), _or_nan(nats), label or ""
                self.found |= {label or ""} - {UNKNOWN, ""}

    def line(self) -> str:
        """Where the training stands, in one line."""
        task = self.progress.tasks[0]
        left = f"{task.time_remaining:.0f} s left" if task.time_remaining is not None else "time left unknown"
        betas = sorted({beta for beta, _ in self.cells})
        return "  ".join([f"step {self.step}/{self.total}", *map(self._summary, betas), self._found(), left])

    def _summary(self, beta: float) -> str:
        losses, nats, _ = zip(*self._cells(beta), strict=True)
        return f"beta {beta:.0e}: loss {min(losses):.3f}-{max(losses):.3f} KL {min(nats):.1f}-{max(nats):.1f} nats"

    def _found(self) -> str:
        return f"found: {', '.join(sorted(self.found)) or 'nothing yet'}"

    def table(self) -> Group:
        """The live view: a bar, and at each price the median loss and KL and how many members run which algorithm."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("beta", "loss", "KL (nats)", "algorithms"):
            table.add_column(name)
        for beta in sorted({beta for beta, _ in self.cells}):
            losses, nats, labels = zip(*self._cells(beta), strict=True)
            counts = ", ".join(f"{count} {label}" for label, count in Counter(labels).most_common() if label)
            table.add_row(f"{beta:.0e}", f"{median(losses):.3f}", f"{median(nats):.1f}", counts)
        return Group(self.progress, table, self._found())

    def _cells(self, beta: float) -> list[tuple[float, float, str]]:
        """Loss, KL and algorithm of every member heard of, at one price."""
        return [cell for (price, _), cell in self.cells.items() if price == beta]


def _progress(console: Console, text: str, *columns: ProgressColumn) -> Progress:
    described = TextColumn(text), BarColumn(), *columns
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    return Progress(*described, MofNCompleteColumn(), *times, console=console)


def _notebook_cell() -> Any:
    """A place in the output of a notebook's cell that can be shown anew; None outside of a notebook."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython.display import display

    return display({"text/html": ""}, raw=True, display_id=True)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
