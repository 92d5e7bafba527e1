"""The families of a run's networks: found without labels, and in the place of a classifier where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hypergraph.discovery.classifier import FamilyClassifier
from hypergraph.errors import FileError, MissingDataError, SpecError, file_errors
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.records import NetworkRecord
from hypergraph.storage.atomic import finite
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

FILE = "families.safetensors"
"""The families of a run whose task has a classifier, relative to RUN/analysis/."""


def name_families(
    run: RunDirectory, records: Sequence[NetworkRecord], observe: Observer = ignore
) -> tuple[list[NetworkRecord], FamilyClassifier | None]:
    """Find and save the families of generated networks, and label their records with them.

    Records of networks that diverged stay as they are; there is no classifier if all did. Raises FileError.
    """
    whole = that_converged(records)
    if not whole:
        return list(records), None
    classifier = _find(run, whole, observe)
    classifier.save(run.families)
    labelled = {record.file: record for record in _labelled(classifier, whole)}
    return [labelled.get(record.file, record) for record in records], classifier


def that_converged(records: Iterable[NetworkRecord]) -> list[NetworkRecord]:
    """The records without those of networks that diverged, by member and beta."""
    whole = [record for record in records if None not in (record.loss, record.kl, record.decoder_loss)]
    return sorted(whole, key=lambda record: (record.member, record.beta))


def _find(run: RunDirectory, records: Sequence[NetworkRecord], observe: Observer) -> FamilyClassifier:
    task = TASKS.load(run.config.task, run.config.options)
    networks = [MLPWeights.load(run.path / record.file)[0] for record in records]
    return FamilyClassifier.find(run.config.task, task, networks, observe)


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
        classifier = _find(run.directory, run.networks, run.observe)
    except SpecError as error:
        raise MissingDataError(str(error)) from None
    classifier.save(path)
    return classifier
