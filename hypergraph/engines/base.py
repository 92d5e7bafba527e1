"""The interface of an engine, which trains a run's chunks and does the jobs of its analysis, here or elsewhere."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from msgspec.structs import replace

from hypergraph.errors import HypergraphError
from hypergraph.interfaces import API, NoOptions
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer
from hypergraph.runs.jobs import J, R, map_here
from hypergraph.training.memory import RECOMPUTED, check_memory, fitting_members

MIN_WEIGHTS_FOR_THREADS = 10_000
"""Over all members. With fewer weights, threads mostly wait for each other, above all on a busy machine."""


MAX_CHUNK_MEMBERS = 64
"""In a run of more members than are kept as files: a chunk's state stays at 500 MB at the default network."""


class TrainingError(HypergraphError):
    """The training of a chunk failed for a reason."""

    def __init__(self, chunk: Chunk, reason: str) -> None:
        super().__init__(f"training of members {chunk.folder.name} failed: {reason}")


@dataclass(frozen=True)
class Resources:
    """The resources of an engine's workers.

    Attributes:
        workers: how many chunks can be trained at once, on all machines together.
        cores: of each machine, shared by its workers.
        memory: free bytes of each machine, shared by its workers.
        machines: their number; all are taken to be alike.
    """

    workers: int
    cores: int
    memory: int
    machines: int = 1


class Engine(ABC):
    """Trains the chunks of a run, and does the jobs of its analysis.

    A subclass is called without arguments, or with the options that the user sets.

    Attributes:
        Options: a frozen dataclass with the options that a user sets, as of a task. The field `address`, a text, is
            where the engine finds its machines.
        options: an instance of `Options`.
    """

    api: ClassVar[int] = API
    Options: ClassVar[type] = NoOptions

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    @abstractmethod
    def resources(self, device: str) -> Resources:
        """The resources for a training on `device`, as torch names it."""

    @abstractmethod
    def train(self, run: RunDirectory, observe: Observer) -> None:
        """Train every unfinished chunk of a run, from its saved state if there is one.

        The caller holds the lock of the run. The engine calls `observe` in the caller's thread with the events of the
        chunks. If `observe` raises or the caller is interrupted, the engine sends it `Stopping`, lets the chunks
        finish their step and save, and raises the error. `hypergraph.engines.chunk.train_chunk` trains a chunk.

        Raises:
            TrainingError: where a chunk fails; the others save and stop, or are trained to their end before.
        """

    def map(
        self, run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
    ) -> Generator[tuple[str, R]]:
        """Do jobs of a run's analysis: gives the name and the result of each, once, as they are done, in any order.

        Here, they are done in this process. An engine may have them done elsewhere: `hypergraph.engines.travel` makes
        text of jobs and of results. When the generator is closed, or the caller is interrupted, no work goes on.

        Args:
            run: whose lock the caller holds; its configuration says how many threads torch has at a job.
            function: of a job and of an observer of its progress, whom what is done elsewhere need not tell. It stands
                in an installed module, and its annotations name the types of the job and of the result.
            jobs: by name. They have fields that JSON keeps, beside files that are there, as paths, which travel along.
            observe: receives events in the caller's thread.

        Raises:
            Exception: what `function` raises, or from elsewhere a HypergraphError that tells it.
        """
        return map_here(run, function, jobs, observe)


def plan_chunks(config: RunConfig, resources: Resources) -> RunConfig:
    """The configuration with a number of chunks and threads that suits the workers' resources.

    One chunk per worker; more, trained in turn, where those do not fit in memory, or where a large run would have
    large chunks; never more than members. For large networks, the workers of a machine share its cores as threads.

    Raises UsageError where not even one member fits.
    """
    check_memory(config.largest, 1, RECOMPUTED, resources.memory)
    fitting = fitting_members(config.largest, RECOMPUTED, resources.memory)
    workers = min(resources.workers, config.members, fitting * resources.machines)
    neighbours = math.ceil(workers / resources.machines)
    largest = min(fitting // neighbours, MAX_CHUNK_MEMBERS) if config.is_large else fitting // neighbours
    chunks = min(workers * math.ceil(config.members / (workers * largest)), config.members)
    large = config.largest.weight_count * config.members >= MIN_WEIGHTS_FOR_THREADS
    return replace(config, chunk_count=chunks, threads=max(1, resources.cores // neighbours) if large else 1)


def max_parallel_chunks(config: RunConfig, resources: Resources) -> int:
    """How many chunks of a run to train at once: one per worker, if they fit in memory."""
    fitting = fitting_members(config.largest, RECOMPUTED, resources.memory)
    room = fitting // max(map(len, config.member_ranges)) * resources.machines
    return max(1, min(resources.workers, config.chunk_count, room))
