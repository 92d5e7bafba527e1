"""An observer that shows an experiment: live on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from statistics import median
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

from hypergraph.analysis.measure import or_nan
from hypergraph.analysis.report import as_html
from hypergraph.interfaces import UNKNOWN
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import (
    Diverged,
    Event,
    Members,
    NotDrawn,
    Noticed,
    Observer,
    Progressed,
    Stopping,
    Trained,
    Watched,
)
from hypergraph.runs.records import Metrics

PLAIN_LINES = 10
"""Lines that report a training without a live view."""

NO_LABELS = "no classifier: families are found after the training"
"""What a training shows in the place of its algorithms."""


class Display:
    """A context manager that shows the events of an experiment on `console`."""

    def __init__(self, run: RunDirectory, console: Console) -> None:
        self.console = console
        self.training = TrainingView(run, console)
        self.stages = _progress(console, "{task.description}")
        self._view: RenderableType = self.training.progress
        live = Live(console=console, get_renderable=lambda: self._view, transient=True)
        redraws = console.is_interactive and console.file.isatty()  # FORCE_COLOR makes rich take a file for a terminal
        self._live = live if redraws else None
        self._cell = _notebook_cell()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        if self._cell:
            self._cell.update({"text/html": ""}, raw=True)
        elif self._live and self._live.is_started:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Trained() | Watched():
                due = self.training.update(event)
                if self._live or self._cell:
                    self._show(self.training.table())
                elif due:
                    self._say(self.training.line())
            case Progressed():
                self._show_progress(event)
            case Diverged():
                self._say(str(event.failure))
            case Stopping():
                self._say("Stopping after this step; interrupt again to stop at once.")
            case NotDrawn():
                self._say(f"figure {event.figure} not drawn: {event.reason}")
            case Noticed():
                self._say(event.text)

    def _show_progress(self, event: Progressed) -> None:
        _advance(self.stages, event)
        self._show(self.stages)

    def _show(self, view: RenderableType) -> None:
        self._view = view
        if self._cell:
            self._cell.update({"text/html": as_html([view])}, raw=True)
        elif self._live and not self._live.is_started:
            self._live.start(refresh=True)
        elif self._live:
            self._live.refresh()

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)


class TrainingView:
    """The state of a training: steps done, and the last loss, KL and algorithm of each member at a few prices.

    In a large run, these are of the members of its sample.
    """

    def __init__(self, run: RunDirectory, console: Console) -> None:
        config = run.config
        self.members, self.shown = config.members, frozenset(config.sample)
        self.total = config.recipe.steps if config.recipe else 0
        trained = {(chunk.members[0], chunk.members[-1]): chunk.trained.exists() for chunk in run.chunks}
        self.steps: dict[Members, int] = {members: self.total * done for members, done in trained.items()}
        self._done = sum((last - first + 1) * steps for (first, last), steps in self.steps.items())
        self.cells: dict[tuple[float, int], tuple[float, float, str]] = {}
        self.algorithms: set[str] = set()
        self.started: set[Members] = set()
        self.reported = -1
        self.progress = _progress(console, "training {task.description}", TextColumn("step"))
        self.bar = self.progress.add_task(f"{config.members} x {config.networks} on {config.task}", total=self.total)

    @property
    def step(self) -> int:
        """The mean number of steps done, over members."""
        return self._done // self.members

    def update(self, event: Trained | Watched) -> bool:
        """Add an event. Returns whether the next plain line is due."""
        step, (first, last) = event.step if isinstance(event, Trained) else event.metrics.step, event.members
        self._done += (last - first + 1) * (step - self.steps[event.members])
        self.steps[event.members] = step
        if event.members in self.started:
            self.progress.update(self.bar, completed=self.step)
        else:  # the steps before a resume must not count in the estimate of the time left
            self.started.add(event.members)
            self.progress.reset(self.bar, completed=self.step)
        if isinstance(event, Watched):
            self._add_metrics(first, event.metrics)
        tenth = self.step * PLAIN_LINES // self.total
        due = tenth > self.reported and bool(self.cells)
        self.reported = tenth if due else self.reported
        return due

    def _add_metrics(self, first: int, metrics: Metrics) -> None:
        for row, beta in enumerate(metrics.beta):
            columns = zip(metrics.loss[row], metrics.kl[row], metrics.algorithm[row], strict=True)
            for member, (loss, nats, label) in enumerate(columns, first):
                if member in self.shown:
                    self.cells[beta, member] = or_nan(loss), or_nan(nats), label or ""
                    self.algorithms |= {label or ""} - {UNKNOWN, ""}

    def line(self) -> str:
        """The state of the training in one line."""
        task = self.progress.tasks[0]
        left = f"{task.time_remaining:.0f} s left" if task.time_remaining is not None else "time left unknown"
        betas = sorted({beta for beta, _ in self.cells})
        return "  ".join([f"step {self.step}/{self.total}", *map(self._summary, betas), self._found(), left])

    def _summary(self, beta: float) -> str:
        losses, nats, _ = zip(*self._cells(beta), strict=True)
        return f"beta {beta:.0e}: loss {min(losses):.3f}-{max(losses):.3f} KL {min(nats):.1f}-{max(nats):.1f} nats"

    def _found(self) -> str:
        if not any(label for _, _, label in self.cells.values()):
            return NO_LABELS
        return f"found: {', '.join(sorted(self.algorithms)) or 'nothing yet'}"

    def table(self) -> Group:
        """The live view: a bar, and for each price the median loss and KL, and the members that run each algorithm."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("beta", "loss", "KL (nats)", "algorithms"):
            table.add_column(name)
        for beta in sorted({beta for beta, _ in self.cells}):
            losses, nats, labels = zip(*self._cells(beta), strict=True)
            counts = ", ".join(f"{count} {label}" for label, count in Counter(labels).most_common() if label)
            table.add_row(f"{beta:.0e}", f"{median(losses):.3f}", f"{median(nats):.1f}", counts)
        return Group(self.progress, table, self._found())

    def _cells(self, beta: float) -> list[tuple[float, float, str]]:
        """Loss, KL and algorithm of every member that was measured, at one price."""
        return [cell for (price, _), cell in self.cells.items() if price == beta]


@contextlib.contextmanager
def stage_display(console: Console) -> Iterator[Observer]:
    """An observer that shows the stages of an analysis on a terminal, and nothing elsewhere."""
    progress = _progress(console, "{task.description}")
    progress.live.transient, progress.disable = True, not console.is_terminal

    def show(event: Event) -> None:
        if isinstance(event, Progressed):
            _advance(progress, event)

    with progress:
        yield show


def _advance(progress: Progress, event: Progressed) -> None:
    bars = {task.description: task.id for task in progress.tasks}
    bar = bars[event.stage] if event.stage in bars else progress.add_task(event.stage)
    progress.update(bar, completed=event.done, total=event.total, visible=event.done < event.total)


def _progress(console: Console, text: str, *columns: ProgressColumn) -> Progress:
    described = TextColumn(text), BarColumn(), *columns
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    return Progress(*described, MofNCompleteColumn(), *times, console=console)


def _notebook_cell() -> Any:
    """An updatable output in the current notebook cell; None outside of a notebook."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython.display import display

    return display({"text/html": ""}, raw=True, display_id=True)
