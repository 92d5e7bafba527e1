"""The short programs of the exemplars of a run's families."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.kept import Analysis, jobs, kept
from hypergraph.extensions.registry import TASKS
from hypergraph.programs.explain import explain
from hypergraph.runs.config import RunConfig
from hypergraph.runs.events import Noticed, Observer, ignore
from hypergraph.runs.records import ProgramRecord, ProgramText, RoleRecord
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import finite
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

MAX_WEIGHTS, MAX_HIDDEN_LAYERS = 10_000, 2
"""Larger networks take more than the 10 seconds that a run spends on each."""


class Exemplar(Struct, frozen=True):
    """The job of explaining a family's most central network.

    Attributes:
        config: of the run.
        family: its name.
        file: the network's file, as the run's records name it.
        network: the same file, where it is.
    """

    config: RunConfig
    family: str
    file: str
    network: Path


def measure_programs(run: FinishedRun) -> list[ProgramRecord]:
    """The program of each family's exemplar, the largest family first; none where networks are large.

    Raises FileError, and MissingDataError where the networks cannot be compared.
    """
    families = run.families.families
    names = [core.name for core in families.cores if core.name in families.labels]
    files = {name: run.networks[families.exemplar(name)].file for name in names}
    if files and not _is_cheap(run.config.spec):
        run.observe(Noticed(f"no programs are sought in networks as large as {run.config.spec}: hypergraph explain"))
        return []
    return kept(
        run,
        _PROGRAMS,
        {Path(file).stem: Exemplar(run.config, name, file, run.path / file) for name, file in files.items()},
    )


def _is_cheap(spec: MLPSpec) -> bool:
    return spec.weight_count <= MAX_WEIGHTS and len(spec.sizes) - 2 <= MAX_HIDDEN_LAYERS


def explain_exemplar(job: Exemplar, observe: Observer = ignore) -> list[ProgramRecord]:
    """The one record of an exemplar. Raises FileError, PluginError."""
    task = TASKS.load(job.config.task, job.config.options)
    found = explain(MLPWeights.load(job.network)[0], task)
    roles = found.groups if found.kind == "is built as" else []
    return [
        ProgramRecord(
            family=job.family,
            file=job.file,
            kind=found.kind,
            program=ProgramText(text=found.text, latex=found.latex, python=found.python) if found.short else None,
            numbers=found.numbers,
            bits=found.bits,
            raw_bits=found.raw_bits,
            r2=found.r2,
            loss_before=finite(found.loss_before),
            loss_after=finite(found.loss_after),
            roles=tuple(RoleRecord(term=group.label, neurons=tuple(group.neurons)) for group in roles),
        )
    ]


_PROGRAMS = Analysis("programs", "explaining exemplars", list[ProgramRecord], jobs(explain_exemplar))
