"""The engine: starts the driver beside this process, and passes on what it tells."""

from __future__ import annotations

import queue
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from hypergraph.analysis.kept import analysis_versions
from hypergraph.engines.base import Engine, Resources, TrainingError
from hypergraph.engines.process import Failed, Inbox, ReportingProcess, stop
from hypergraph.engines.travel import name_of, pack, unpack
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, Stopping
from hypergraph.runs.jobs import J, R
from hypergraph.runs.provenance import current_versions
from hypergraph.storage.atomic import make_folder
from hypergraph.training.memory import GENERATION, RECOMPUTED, needed_memory
from hypergraph_ray.address import check_answers
from hypergraph_ray.messages import Cluster, Done, Job, Message, PieceFailed, Wanted

JOIN_S = 300
"""Seconds in which a cluster must let the driver join, which is told at once where nobody answers."""


LOG = "ray.txt"
"""The log of the driver, in the folder of the training."""


class ClusterError(TrainingError):
    """The cluster cannot be joined, or was lost."""

    def __init__(self, message: str) -> None:
        HypergraphError.__init__(self, message)


@dataclass(frozen=True)
class RayOptions:
    """The options of the engine.

    Attributes:
        address: HOST:PORT of the cluster's head. If empty, Ray takes RAY_ADDRESS, or the cluster of this machine.
    """

    address: str = ""


class RayEngine(Engine):
    """Trains and analyses a run on a Ray cluster, which is there already: none is ever started.

    The run's folder stays here, and no other machine needs to see it. Whatever dies, its chunks go on elsewhere from
    the last state that came here, and its jobs anew. What fails three times is given up; the others are done before.
    """

    Options = RayOptions

    def resources(self, device: str) -> Resources:
        """What all nodes of the cluster have. Raises ClusterError, UsageError."""
        with tempfile.TemporaryDirectory() as folder:
            driver = _Driver(Job(self.options.address, _checked(device)), Path(folder) / "ray.txt")
            stop([driver.process])
        return resources_of(driver.cluster, device)

    def train(self, run: RunDirectory, observe: Observer) -> None:
        """Train every unfinished chunk. Raises TrainingError, ClusterError, and FileError for a log."""
        if all(chunk.trained.exists() for chunk in run.chunks):
            return
        driver = _Driver(_job(self.options.address, run), run.training / LOG)
        failures: list[PieceFailed] = []
        reason: str | None = None
        try:
            while (message := driver.next()) is not None:
                if isinstance(message, PieceFailed):
                    failures.append(message)
                elif isinstance(message, Failed):
                    reason = message.reason
                else:
                    observe(message)
        finally:
            try:
                if driver.process.process.poll() is None:
                    observe(Stopping())
            finally:
                stop([driver.process])
        if failures:
            raise _error(run, failures)
        if not all(chunk.trained.exists() for chunk in run.chunks):
            raise ClusterError(reason or driver.death())

    def map(
        self, run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
    ) -> Generator[tuple[str, R]]:
        """Do jobs on the nodes. Raises ClusterError where one fails three times, and FileError for a log or a job."""
        if not jobs:
            return
        make_folder(run.training)
        driver = _Driver(_analysis(self.options.address, run, name_of(function)), run.training / LOG)
        undone, reason = {*jobs}, ""
        try:
            driver.process.tell(f"{msgspec.json.encode(list(jobs)).decode()}\n")
            while (message := driver.next()) is not None:
                if isinstance(message, Wanted):
                    driver.process.tell(f"{pack(jobs[message.name]).decode()}\n")
                elif isinstance(message, Done):
                    undone.discard(message.name)
                    yield message.name, unpack(bytes(message.result), function)
                elif isinstance(message, PieceFailed):
                    reason = reason or f"{message.name} failed {message.reason}"
                elif isinstance(message, Failed):
                    reason = message.reason
                else:
                    observe(message)
        finally:
            stop([driver.process])
        if undone:
            raise ClusterError(reason or driver.death())


class _Driver:
    """The driver's process, and its messages.

    Attributes:
        cluster: the cluster that it joined.

    Raises ClusterError where it cannot join, and FileError for its log.
    """

    def __init__(self, job: Job, log: Path) -> None:
        if find_spec("ray") is None:
            raise ClusterError("Ray is not installed: pip install 'hypergraph-toolkit[ray]'")
        self.inbox: Inbox = queue.SimpleQueue()
        words = [msgspec.json.encode(job).decode()]
        self.cluster = Cluster((), head=job.address)
        self.process = ReportingProcess("hypergraph_ray.driver", words, Message, log, self.inbox, {})
        try:
            self.cluster = self._joined()
        except BaseException:
            stop([self.process])
            raise

    def _joined(self) -> Cluster:
        try:
            message = self.next(JOIN_S)
        except queue.Empty:
            raise ClusterError(f"the cluster let nobody join within {JOIN_S} s") from None
        if isinstance(message, Cluster):
            return message
        raise ClusterError(message.reason if isinstance(message, Failed) else self.death())

    def next(self, timeout_s: float | None = None) -> Any:
        """The next message, None at the end. Raises queue.Empty."""
        return self.inbox.get(timeout=timeout_s)[1]

    def death(self) -> str:
        """Why it ended that did not tell it: Ray ends it where the head is on this machine and dies."""
        head = self.cluster.head
        try:
            if head:
                check_answers(head)
        except HypergraphError:
            return f"the head of the cluster at {head} is gone"
        return f"the link to the cluster ended: {self.process.death(self.process.log)}"


def resources_of(cluster: Cluster, device: str) -> Resources:
    """What a run is planned for: all nodes are taken to be like the smallest. Raises UsageError where there is none.

    Each GPU counts as a machine, with one worker.
    """
    kind = "CPU" if device == "cpu" else "GPU"
    nodes = [node for node in cluster.nodes if (node.cpus if device == "cpu" else node.gpus) >= 1]
    if not nodes:
        raise UsageError(f"no node of the cluster has a {kind}: start some that have")
    if device == "cpu":
        cores = [int(node.cpus) for node in nodes]
        return Resources(sum(cores), min(cores), min(node.memory for node in nodes), len(nodes))
    gpus = sum(int(node.gpus) for node in nodes)
    share = min(max(1, int(node.cpus / node.gpus)) for node in nodes)
    return Resources(gpus, share, cluster.gpu_memory, gpus)


def _job(address: str, run: RunDirectory) -> Job:
    """What the driver has to do to train a run."""
    config = run.config
    memory = needed_memory(config.largest, max(map(len, config.member_ranges)), RECOMPUTED)
    return Job(address, _checked(config.device), str(run.path), memory, current_versions(config.task, "cpu"))


def _analysis(address: str, run: RunDirectory, function: str) -> Job:
    """What the driver has to do for jobs of a run's analysis, of which none takes more memory than a sweep."""
    config = run.config
    memory = needed_memory(config.spec, max(map(len, config.member_ranges)), GENERATION)
    return Job(address, "cpu", str(run.path), memory, versions_of_analysis(config.task), function)


def versions_of_analysis(task: str) -> dict[str, str]:
    """What decides an analysis in this process, that of the classifier among it. Raises PluginError."""
    return current_versions(task, "cpu") | analysis_versions(task)


def _checked(device: str) -> str:
    """The device. Raises UsageError where it names one of several GPUs."""
    if ":" in device:
        raise UsageError(f"device {device}: a cluster chooses among its GPUs by itself; use cuda")
    return device


def _error(run: RunDirectory, failures: list[PieceFailed]) -> TrainingError:
    """The error that names the chunks that failed, and why the first did."""
    failed = [chunk for each in failures for chunk in run.chunks if chunk.name == each.name]
    others = ", ".join(chunk.folder.name for chunk in failed[1:])
    return TrainingError(failed[0], failures[0].reason + (f"; so did members {others}" if others else ""))
