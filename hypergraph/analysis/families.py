"""The families of a run's networks: found without labels, and in the place of a classifier where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from hypergraph.discovery.classifier import STAGE, FamilyClassifier, describe_all, shared_probe
from hypergraph.discovery.families import find_families
from hypergraph.errors import FileError, MissingDataError, SpecError, file_errors
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.jobs import Map, doing, map_here
from hypergraph.runs.records import NetworkRecord
from hypergraph.storage.atomic import finite
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

FILE = "families.safetensors"
"""The families of a run whose task has a classifier, relative to RUN/analysis/."""


class Described(Struct, frozen=True):
    """The job of describing networks of a run, which have these files."""

    config: RunConfig
    networks: tuple[Path, ...]


class Features(Struct, frozen=True):
    """What `describe_all` measures, as the bytes of float64."""

    features: bytes
    spread: bytes


def describe_networks(job: Described, observe: Observer = ignore) -> Features:
    """Describe networks. Raises FileError, PluginError, SpecError."""
    task = TASKS.load(job.config.task, job.config.options)
    networks = [MLPWeights.load(path)[0] for path in job.networks]
    probe = shared_probe(task, [job.config.spec, *(network.spec for network in networks)])
    features, spread = describe_all(networks, probe)
    return Features(features.tobytes(), spread.tobytes())


def name_families(
    run: RunDirectory, records: Sequence[NetworkRecord], each: Map = map_here, observe: Observer = ignore
) -> tuple[list[NetworkRecord], FamilyClassifier | None]:
    """Find and save the families of generated networks, and label their records with them.

    Records of networks that diverged stay as they are; there is no classifier if all did. Raises FileError.
    """
    whole = that_converged(records)
    if not whole:
        return list(records), None
    classifier = _find(run, whole, each, observe)
    classifier.save(run.families)
    labelled = {record.file: record for record in _labelled(classifier, whole)}
    return [labelled.get(record.file, record) for record in records], classifier


def that_converged(records: Iterable[NetworkRecord]) -> list[NetworkRecord]:
    """The records without those of networks that diverged, by member and beta."""
    whole = [record for record in records if None not in (record.loss, record.kl, record.decoder_loss)]
    return sorted(whole, key=lambda record: (record.member, record.beta))


def _find(run: RunDirectory, records: Sequence[NetworkRecord], each: Map, observe: Observer) -> FamilyClassifier:
    """The families of networks, by member and beta. Raises FileError, PluginError, SpecError."""
    config, files = run.config, dict[str, list[Path]]()
    probe = shared_probe(TASKS.load(config.task, config.options), [config.spec])
    for record in records:
        files.setdefault(f"member {record.member}", []).append(run.path / record.file)
    jobs, found = {name: Described(config, tuple(paths)) for name, paths in files.items()}, dict[str, Features]()
    with doing(each, run, describe_networks, jobs, STAGE, observe) as results:
        found.update(results)
    features, spread = (
        np.frombuffer(b"".join(getattr(found[name], kind) for name in jobs)).copy() for kind in ("features", "spread")
    )
    return FamilyClassifier(config.task, probe, find_families(features.reshape(len(records), -1), spread))


def _labelled(classifier: FamilyClassifier, records: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The records of the networks whose families are known, with the label of each."""
    families = classifier.families
    parameters = classifier.parameters(families.features, families.spread)
    values = zip(*(tensor.tolist() for tensor in parameters.values()), strict=True)
    columns = zip(records, families.labels, classifier.confidence(parameters), values, strict=True)
    return [
        replace(
            record,
            algorithm=label,
            confidence=finite(confidence),
            order_parameters=finite(dict(zip(parameters, numbers, strict=True))),
        )
        for record, label, confidence, numbers in columns
    ]


def load_families(path: Path) -> FamilyClassifier:
    """The families of a file, which are found again only where it has changed. Raises FileError."""
    with file_errors("read", path):
        return _load_once(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _load_once(path: Path, modified_ns: int) -> FamilyClassifier:
    return FamilyClassifier.load(path)


def run_families(run: FinishedRun) -> FamilyClassifier:
    """The families of the networks that did not diverge, in the order of `run.networks`.

    Raises FileError, and MissingDataError where the networks cannot be compared.
    """
    if (path := run.directory.families).is_file():
        classifier = FamilyClassifier.load(path)
        if len(classifier.families.spread) != len(run.networks):
            raise FileError(f"{path} holds families of other networks than the run's")
        return classifier
    path = run.analysis_folder / FILE
    with contextlib.suppress(FileError):
        return FamilyClassifier.load(path)
    try:
        classifier = _find(run.directory, run.networks, run.each, run.observe)
    except SpecError as error:
        raise MissingDataError(str(error)) from None
    classifier.save(path)
    return classifier
