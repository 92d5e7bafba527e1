"""The events of an experiment, which an observer receives while it runs.

An observer is a function of one event, such as the display of the command line, or `ignore`. Events are records,
so that a process elsewhere can send them as lines of JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from msgspec import Struct

from hypergraph.runs.records import Metrics
from hypergraph.training.failures import Failure

T = TypeVar("T")
Members: TypeAlias = tuple[int, int]
"""The first and the last member of a chunk."""


class Trained(Struct, frozen=True, tag=True):
    """A chunk has done `step` steps."""

    members: Members
    step: int


class Watched(Struct, frozen=True, tag=True):
    """A chunk was measured, after `metrics.step` steps."""

    members: Members
    metrics: Metrics


class Diverged(Struct, frozen=True, tag=True):
    """A member of a chunk diverged."""

    members: Members
    failure: Failure


class Stopping(Struct, frozen=True, tag=True):
    """The training was asked to stop: it finishes its step and saves."""


class Progressed(Struct, frozen=True, tag=True):
    """A stage of the analysis, such as "sweeping beta", has done `done` of `total` parts."""

    stage: str
    done: int
    total: int


class Drawn(Struct, frozen=True, tag=True):
    """A figure was drawn into these files."""

    figure: str
    files: tuple[Path, ...]


class NotDrawn(Struct, frozen=True, tag=True):
    """A figure was not drawn, for this reason."""

    figure: str
    reason: str


class Noticed(Struct, frozen=True, tag=True):
    """One line that the user should read."""

    text: str


TrainingEvent: TypeAlias = Trained | Watched | Diverged | Stopping | Noticed
Event: TypeAlias = TrainingEvent | Progressed | Drawn | NotDrawn
Observer: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer that does nothing."""


def tracked(items: Sequence[T], stage: str, observe: Observer) -> Iterator[T]:
    """Iterate over the items, and report to the observer how many are done."""
    return counted(items, len(items), stage, observe)


def counted(items: Iterable[T], total: int, stage: str, observe: Observer) -> Iterator[T]:
    """As `tracked`, for so many items that come by and by."""
    observe(Progressed(stage, 0, total))
    for done, item in enumerate(items, 1):
        yield item
        observe(Progressed(stage, done, total))
