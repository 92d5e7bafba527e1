"""Sweep the price beta from almost free to dear: generate, measure and classify a network per member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.errors import PluginError
from hypergraph.extensions.options import task_metadata
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.model.pareto import LOG10_BETA_RANGE
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore, tracked
from hypergraph.runs.records import NetworkRecord
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import finite
from hypergraph.storage.schema import as_record
from hypergraph.weights import MLPWeights

_LOW, _HIGH = LOG10_BETA_RANGE
BETA_GRID = tuple(10.0 ** (_LOW + (_HIGH - _LOW) * n / 30) for n in range(31))
"""From 1e-12 to 1 in 30 logarithmic increments, as in the paper's figures."""


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


def sweep_members(
    directory: RunDirectory, generator: Generator, members: Sequence[int], observe: Observer = ignore
) -> list[NetworkRecord]:
    """Sweep some of a run's members and write their networks into the run; records by price, then by member.

    `generator` is that of these members alone. Raises FileError, PluginError.
    """
    records = []
    for record, network, metadata in networks_of(directory.config, generator, members, observe):
        network.save(directory.path / record.file, metadata)
        records.append(record)
    return records


def networks_of(
    config: RunConfig, generator: Generator, members: Sequence[int], observe: Observer = ignore
) -> Iterator[tuple[NetworkRecord, MLPWeights, dict[str, str]]]:
    """The record, the network, and its file's metadata, of some of a run's members, by price and then by member.

    `generator` is that of these members alone. Raises PluginError.
    """
    task, classifier = TASKS.load(config.task, config.options), classifier_for(config.task)
    described = task_metadata(config.task, config.options)
    swept = sweep(generator, task, classifier, seed=config.seed, spec=config.spec, members=members, observe=observe)
    for record, network in (pair for pairs in swept for pair in pairs):
        facts = {"seed": config.seed, "member": record.member, "beta": record.beta}
        facts["encoder"] = int(generator.has_encoder)
        yield record, network, described | {name: str(value) for name, value in facts.items()}
