"""What an engine is: something that trains the chunks of a run, on this machine or on others."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace

from hypergraph.errors import HypergraphError
from hypergraph.interfaces import API
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Observer
from hypergraph.training.memory import RECOMPUTED, check_memory, fitting_members

MIN_WEIGHTS_FOR_THREADS = 10_000
"""Over all members. Below, threads wait for each other longer than they work, above all on a busy machine."""


class TrainingError(HypergraphError):
    """A chunk was not trained to its end, and why."""

    def __init__(self, chunk: Chunk, reason: str) -> None:
        super().__init__(f"training of members {chunk.folder.name} failed: {reason}")


@dataclass(frozen=True)
class Resources:
    """What an engine's workers have, wherever they are.

    Attributes:
        workers: how many chunks can be trained at once, on all machines together.
        cores: of each machine, shared by the workers on it.
        memory: bytes that are free for training on each machine, shared by the workers on it.
        machines: how many there are, as good as alike.
    """

    workers: int
    cores: int
    memory: int
    machines: int = 1


class Engine(ABC):
    """Trains the chunks of a run. A subclass is called without arguments."""

    api: ClassVar[int] = API

    @abstractmethod
    def resources(self, device: str) -> Resources:
        """What the workers have for a training on `device`, as torch names it."""

    @abstractmethod
    def train(self, run: RunDirectory, observe: Observer) -> None:
        """Train every chunk of a run that is not trained yet, going on where one was saved.

        The caller holds the run. `observe` is called in the caller's thread with what the chunks tell. Where it raises,
        or the caller is interrupted, it gets `Stopping`, the chunks end their step and save, and then the error goes
        on to the caller. See :func:`hypergraph.engines.chunk.train_chunk`, which trains one chunk.

        Raises:
            TrainingError: where a chunk fails; the others save and stop.
        """


def plan_chunks(config: RunConfig, resources: Resources) -> RunConfig:
    """The configuration with as many chunks and threads as the workers' resources suggest.

    A chunk per worker as long as each has a member that fits in memory; more, to be trained one after another, where
    those do not fit. Where networks are large, the workers at work share the cores of their machine as threads.

    Raises UsageError where not even one member fits.
    """
    check_memory(config.largest, 1, RECOMPUTED, resources.memory)
    fitting = fitting_members(config.largest, RECOMPUTED, resources.memory)
    workers = min(resources.workers, config.members, fitting * resources.machines)
    neighbours = math.ceil(workers / resources.machines)
    chunks = min(workers * math.ceil(config.members / (workers * (fitting // neighbours))), config.members)
    large = config.largest.weight_count * config.members >= MIN_WEIGHTS_FOR_THREADS
    return replace(config, chunk_count=chunks, threads=max(1, resources.cores // neighbours) if large else 1)


def max_parallel_chunks(config: RunConfig, resources: Resources) -> int:
    """How many chunks of a run to train at once: one per worker, as far as they fit in memory."""
    fitting = fitting_members(config.largest, RECOMPUTED, resources.memory)
    room = fitting // max(map(len, config.member_ranges)) * resources.machines
    return max(1, min(resources.workers, config.chunk_count, room))
