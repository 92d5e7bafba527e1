"""Sweep the price of information from almost free to dear: what each member generates, and which algorithm it runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import Sample, generate, measure_loss
from hypergraph.errors import PluginError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.model.pareto import LOG10_BETA_RANGE
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
    """For each beta, one network per member, and what was measured on it.

    `spec` is the network to generate, the generator's first if None; `members` are their numbers in the run, from 0 if
    None.
    """
    numbers = range(generator.members) if members is None else members
    make = partial(generate, generator, seed=seed, members=numbers, spec=spec)
    for beta in tracked(betas, "sweeping beta", observe):
        samples = make(beta), make(beta, encoder=False), make(beta, sibling=True)
        yield _measured(samples, task, classifier, beta, seed, numbers)


def _measured(
    samples: tuple[Sample, Sample, Sample],
    task: Task,
    classifier: Classifier | None,
    beta: float,
    seed: int,
    members: Sequence[int],
) -> list[tuple[NetworkRecord, MLPWeights]]:
    sample, ignored, sibling = samples
    losses = measure_loss(task, sample.networks, seed=seed).tolist()
    decoder_losses = measure_loss(task, ignored.networks, seed=seed).tolist()
    verdicts = classify(classifier, sample.networks, sibling.networks)
    fields = [
        {"member": member, "beta": beta, "loss": loss, "kl": kl, "decoder_loss": decoder_loss, **verdict._asdict()}
        for member, loss, kl, decoder_loss, verdict in zip(
            members, losses, sample.kl.tolist(), decoder_losses, verdicts, strict=True
        )
    ]
    return [(_record(values), sample.networks[index]) for index, values in enumerate(fields)]


def _record(values: dict[str, Any]) -> NetworkRecord:
    file = f"networks/member{values['member']}-beta{values['beta']:.1e}.safetensors"
    try:
        return as_record({**finite(values), "file": file}, NetworkRecord)
    except ValueError as error:
        raise PluginError(f"what the task and its classifier say of {file} cannot be recorded: {error}") from None


def sweep_members(
    directory: RunDirectory, generator: Generator, members: Sequence[int], observe: Observer = ignore
) -> list[NetworkRecord]:
    """Sweep some of a run's members, and write their networks into the run; records by price and then by member.

    `generator` is that of these members alone. Raises FileError, PluginError.
    """
    config, found = directory.config, []
    task, classifier = TASKS.load(config.task, config.options), classifier_for(config.task)
    swept = sweep(generator, task, classifier, seed=config.seed, spec=config.spec, members=members, observe=observe)
    for record, network in itertools.chain.from_iterable(swept):
        metadata = {"task": config.task, "seed": config.seed, "member": record.member, "beta": record.beta}
        metadata["encoder"] = int(generator.has_encoder)
        network.save(directory.path / record.file, {name: str(value) for name, value in metadata.items()})
        found.append(record)
    return found
