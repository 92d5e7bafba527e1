"""Jobs: calls of one function that do not depend on each other, which are made here or by an engine elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Protocol, TypeVar

from msgspec import Struct

from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, counted
from hypergraph.torch_state import torch_threads, usual_torch

J = TypeVar("J", bound=Struct)
R = TypeVar("R")


class Map(Protocol):
    """Does jobs, as `hypergraph.engines.base.Engine.map` says."""

    def __call__(
        self, run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
    ) -> Generator[tuple[str, R]]: ...


def do(function: Callable[[J, Observer], R], job: J, threads: int, observe: Observer) -> R:
    """Do a job, with this number of torch's threads. Raises what `function` raises."""
    with torch_threads(threads), usual_torch():
        return function(job, observe)


def map_here(
    run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
) -> Generator[tuple[str, R]]:
    """Do jobs in this process, one after another; `observe` also receives what the function tells."""
    for name, job in jobs.items():
        yield name, do(function, job, run.config.threads, observe)


@contextmanager
def doing(
    each: Map,
    run: RunDirectory,
    function: Callable[[J, Observer], R],
    jobs: Mapping[str, J],
    stage: str,
    observe: Observer,
) -> Iterator[Iterator[tuple[str, R]]]:
    """The names and the results of jobs, as `each` gives them; `observe` is told how many are done, as a stage.

    At the end of the block, no work goes on, whatever ended it.
    """
    with closing(each(run, function, jobs, observe)) as results:
        yield counted(results, len(jobs), stage, observe)
