"""What the processes of the engine tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Raw, Struct

from hypergraph.engines.process import Failed
from hypergraph.runs.events import TrainingEvent


class Job(Struct, frozen=True):
    """What the driver has to do.

    Attributes:
        address: of the cluster's head; empty for the cluster that Ray finds by itself.
        device: of the training, or cpu.
        run: the run's folder; empty where the driver only looks at the cluster.
        memory: bytes that the largest chunk, or the analysis of it, needs on the device.
        versions: the versions here, which every node must have.
        function: what does the jobs of an analysis; empty for a training.
    """

    address: str
    device: str
    run: str = ""
    memory: int = 0
    versions: Mapping[str, str] = {}
    function: str = ""


class Node(Struct, frozen=True):
    """A living node of a cluster, with its CPUs, GPUs and bytes of memory for all that runs there."""

    id: str
    name: str
    cpus: float
    gpus: float
    memory: int


class Cluster(Struct, frozen=True, tag=True):
    """A cluster, with the free bytes of one of its GPUs where the training is on GPUs, and the address of its head."""

    nodes: tuple[Node, ...]
    gpu_memory: int = 0
    head: str = ""


class PieceFailed(Struct, frozen=True, tag=True):
    """A chunk or a job, by the name that messages have for it, failed again and again; the others go on."""

    name: str
    reason: str


class Wanted(Struct, frozen=True, tag=True):
    """There is room for the job of this name: the driver waits for its line."""

    name: str


class Done(Struct, frozen=True, tag=True):
    """The result of a job, packed."""

    name: str
    result: Raw


Message: TypeAlias = TrainingEvent | Cluster | PieceFailed | Wanted | Done | Failed
"""What the driver tells the engine. The first is the cluster that it joined, or why it could not."""


@dataclass(frozen=True)
class Report:
    """What a trainer tells the driver since its last report.

    Attributes:
        events: lines of JSON.
        files: the content of the files that changed, by their path in the chunk's folder.
        ended: whether the worker has ended.
        failure: why it ended early.
    """

    events: list[bytes]
    files: dict[str, bytes]
    ended: bool
    failure: str | None


@dataclass(frozen=True)
class Answer:
    """What a worker tells the driver of a job.

    Attributes:
        versions: where it was done.
        result: packed; None where the job failed.
        failure: why.
    """

    versions: Mapping[str, str]
    result: bytes | None = None
    failure: str | None = None
