"""Training as it is watched: a live table on a terminal, plain lines elsewhere; both on stderr."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from statistics import median

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from hypergraph.cli.console import err
from hypergraph.interfaces import UNKNOWN
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk
from hypergraph.runs.events import Diverged, Event, Observer, Stopping, Trained, Watched
from hypergraph.runs.records import Metrics

PLAIN_LINES = 10
"""How many lines report a training where there is no terminal."""


@contextmanager
def watch(config: RunConfig, chunks: list[Chunk]) -> Iterator[Observer]:
    """An observer that shows a training."""
    view = _View(config, chunks)

    def observe(event: Event) -> None:
        if view.update(event) and not err.is_terminal:
            err.print(view.line(), soft_wrap=True)

    live = Live(console=err, get_renderable=view.table, refresh_per_second=4, transient=True)
    with live if err.is_terminal else nullcontext():
        yield observe


class _View:
    def __init__(self, config: RunConfig, chunks: list[Chunk]) -> None:
        self.config = config
        self.total = config.recipe.steps if config.recipe else 0
        self.steps = {chunk.members: self.total if chunk.trained.exists() else 0 for chunk in chunks}
        self.cells: dict[tuple[float, int], tuple[float, float, str]] = {}
        self.found: set[str] = set()
        self.heard: set[range] = set()
        self.reported = -1
        self.progress = Progress(
            TextColumn("training {task.description}"),
            BarColumn(),
            TextColumn("step"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=err,
        )
        name = f"{config.members} x {config.networks} on {config.task}"
        self.bar = self.progress.add_task(name, total=self.total)

    @property
    def step(self) -> int:
        """Steps that members have behind them, on average."""
        return sum(len(members) * steps for members, steps in self.steps.items()) // self.config.members

    def update(self, event: Event) -> bool:
        """Take in an event. Returns whether it is time for the next plain line."""
        if isinstance(event, Stopping):
            err.print("Stopping after this step; interrupt again to stop at once.", soft_wrap=True)
        elif isinstance(event, Diverged):
            err.print(str(event.failure), soft_wrap=True)
        if not isinstance(event, (Trained, Watched)):
            return False
        members = range(event.members[0], event.members[1] + 1)
        self.steps[members] = event.step if isinstance(event, Trained) else event.metrics.step
        if members in self.heard:
            self.progress.update(self.bar, completed=self.step)
        else:  # what a resumed training has behind it says nothing of the time that is left
            self.heard.add(members)
            self.progress.reset(self.bar, completed=self.step)
        if isinstance(event, Watched):
            self._take(members, event.metrics)
        tenth = self.step * PLAIN_LINES // self.total
        due = tenth > self.reported and bool(self.cells)
        self.reported = tenth if due else self.reported
        return due

    def _take(self, members: range, metrics: Metrics) -> None:
        for row, beta in enumerate(metrics.beta):
            labels = [label or "" for label in metrics.algorithm[row]]
            for column, member in enumerate(members):
                numbers = metrics.loss[row][column], metrics.kl[row][column]
                loss, kl = (math.nan if value is None else value for value in numbers)
                self.cells[beta, member] = loss, kl, labels[column]
            self.found |= set(labels) - {UNKNOWN, ""}

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
