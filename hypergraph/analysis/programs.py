"""The short programs of the exemplars of a run's families."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from hypergraph.analysis.kept import Analysis, kept
from hypergraph.programs.explain import explain
from hypergraph.runs.events import Noticed
from hypergraph.runs.records import NetworkRecord, ProgramRecord, ProgramText, RoleRecord
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import finite

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

MAX_WEIGHTS, MAX_HIDDEN_LAYERS = 10_000, 2
"""Larger networks take more than the 10 seconds that a run spends on each."""


class Exemplar(NamedTuple):
    """A family's most central network."""

    family: str
    network: NetworkRecord


def measure_programs(run: FinishedRun) -> list[ProgramRecord]:
    """The program of each family's exemplar, the largest family first; none where networks are large.

    Raises FileError, and MissingDataError where the networks cannot be compared.
    """
    families = run.families.families
    names = [core.name for core in families.cores if core.name in families.labels]
    exemplars = [Exemplar(name, run.networks[families.exemplar(name)]) for name in names]
    if exemplars and not _is_cheap(run.config.spec):
        run.observe(Noticed(f"no programs are sought in networks as large as {run.config.spec}: hypergraph explain"))
        return []
    parts = {PurePath(exemplar.network.file).stem: exemplar for exemplar in exemplars}
    return kept(run, _PROGRAMS, parts)


def _is_cheap(spec: MLPSpec) -> bool:
    return spec.weight_count <= MAX_WEIGHTS and len(spec.sizes) - 2 <= MAX_HIDDEN_LAYERS


def _explain(run: FinishedRun, exemplar: Exemplar) -> list[ProgramRecord]:
    found = explain(run.load_network(exemplar.network), run.task)
    roles = found.groups if found.kind == "is built as" else []
    return [
        ProgramRecord(
            family=exemplar.family,
            file=exemplar.network.file,
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


_PROGRAMS = Analysis("programs", "explaining exemplars", list[ProgramRecord], _explain)
