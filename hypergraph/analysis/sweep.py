"""Sweep the price beta from almost free to dear: generate, measure and classify a network per member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.errors import PluginError
from hypergraph.extensions.options import task_metadata
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.model.pareto import LOG10_BETA_RANGE
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Members, Observer, ignore, tracked
from hypergraph.runs.jobs import Map, doing
from hypergraph.runs.provenance import current_versions
from hypergraph.runs.records import NetworkRecord, Provenance
from hypergraph.runs.result import load_members
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import finite, write_bytes
from hypergraph.storage.schema import as_record
from hypergraph.weights import MLPWeights

_LOW, _HIGH = LOG10_BETA_RANGE
BETA_GRID = tuple(10.0 ** (_LOW + (_HIGH - _LOW) * n / 30) for n in range(31))
"""From 1e-12 to 1 in 30 logarithmic increments, as in the paper's figures."""
STAGE = "sweeping members"
"""The name that observers see of a sweep of all chunks."""


def sweep(
    generator: Generator,
    task: Task,
    classifier: Classifier | None,
    *,
    seed: int,
    spec: MLPSpec | None = None,
    members: Sequence[int] | None = None,
    betas: Sequence[float] = BETA_GRID,
    observe: Observer = ignore,
) -> Iterator[list[tuple[NetworkRecord, MLPWeights]]]:
    """For each beta, one network per member and its record.

    `spec` is the network to generate, the generator's first if None. `members` are the members' numbers in the run, 0
    and up if None.
    """
    numbers = range(generator.members) if members is None else members
    sample = partial(generate, generator, seed=seed, members=numbers, spec=spec)
    for beta in tracked(betas, "sweeping beta", observe):
        networks, kls = sample(beta)
        losses = measure_loss(task, networks, seed=seed).tolist()
        decoder_losses = measure_loss(task, sample(beta, encoder=False).networks, seed=seed).tolist()
        verdicts = classify(classifier, networks, sample(beta, sibling=True).networks)
        rows = enumerate(zip(numbers, losses, kls.tolist(), decoder_losses, verdicts, strict=True))
        yield [
            (_record(verdict._asdict(), member=member, beta=beta, loss=loss, kl=kl, decoder_loss=other), networks[n])
            for n, (member, loss, kl, other, verdict) in rows
        ]


def _record(verdict: dict[str, Any], *, member: int, beta: float, **measured: float) -> NetworkRecord:
    file = f"networks/member{member}-beta{beta:.1e}.safetensors"
    fields = {"member": member, "beta": beta, **finite(measured), **finite(verdict), "file": file}
    try:
        return as_record(fields, NetworkRecord)
    except ValueError as error:
        raise PluginError(f"what the task and its classifier say of {file} cannot be recorded: {error}") from None


class Sweep(Struct, frozen=True):
    """The job of sweeping the members of a chunk.

    Attributes:
        config: of the run.
        members: the first and the last member of the chunk.
        generator: the file of a trained generator.
        trained: the first and the last member in this file.
    """

    config: RunConfig
    members: Members
    generator: Path
    trained: Members

    @classmethod
    def of(cls, run: RunDirectory, chunk: Chunk) -> Sweep:
        """The job for a chunk: it reads what the chunk trained, or where this is gone, the generator of all members."""
        members = chunk.members[0], chunk.members[-1]
        if run.config.is_large or chunk.trained.is_file():
            return cls(run.config, members, chunk.trained, members)
        return cls(run.config, members, run.generator, (0, run.config.members - 1))

    def load(self) -> Generator:
        """The generator of the chunk's members alone, which is rounded as in training. Raises FileError."""
        (first, last), (start, end) = self.trained, self.members
        generator = load_members(self.generator, self.config, last - first + 1)
        if self.members == self.trained:
            return generator
        return Generator.join([generator.member(member - first) for member in range(start, end + 1)])


class Swept(Struct, frozen=True):
    """The networks of a chunk.

    Attributes:
        records: by price, then by member.
        files: the networks that the run keeps as files, by their path in its folder.
        place: where they were generated and measured.
    """

    records: list[NetworkRecord]
    files: dict[str, bytes]
    place: Provenance


def sweep_chunk(job: Sweep, observe: Observer = ignore) -> Swept:
    """Sweep the members of a chunk. Raises FileError, PluginError."""
    config, generator, members = job.config, job.load(), range(job.members[0], job.members[1] + 1)
    task, classifier = TASKS.load(config.task, config.options), classifier_for(config.task)
    described, sample = task_metadata(config.task, config.options), {*config.sampled(members)}
    swept = sweep(generator, task, classifier, seed=config.seed, spec=config.spec, members=members, observe=observe)
    records, files = list[NetworkRecord](), dict[str, bytes]()
    for record, network in (pair for pairs in swept for pair in pairs):
        records.append(record)
        if record.member in sample:
            facts = {"seed": config.seed, "member": record.member, "beta": record.beta}
            facts["encoder"] = int(generator.has_encoder)
            files[record.file] = network.encode(described | {name: str(value) for name, value in facts.items()})
    versions, threads = current_versions(config.task, "cpu"), torch.get_num_threads()
    return Swept(records, files, Provenance(members=job.members, step=None, versions=versions, threads=threads))


def sweep_all(run: RunDirectory, each: Map, observe: Observer = ignore) -> tuple[list[NetworkRecord], list[Provenance]]:
    """Sweep all members of a run that is not large, and write their networks into it: the records, and where that was.

    Raises FileError, PluginError.
    """
    jobs = {chunk.name: Sweep.of(run, chunk) for chunk in run.chunks}
    records, places = list[NetworkRecord](), list[Provenance]()
    with doing(each, run, sweep_chunk, jobs, STAGE, observe) as results:
        for _, swept in results:
            write_networks(run, swept)
            records += swept.records
            places.append(swept.place)
    return records, places


def write_networks(run: RunDirectory, swept: Swept) -> None:
    """Write the files of a chunk's networks. Raises FileError."""
    for name, data in swept.files.items():
        write_bytes(run.path / name, data)
