"""How the algorithms develop through training (figure 3): sweep beta at each checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.classify import classify
from hypergraph.analysis.families import load_families
from hypergraph.analysis.kept import Analysis, jobs, kept
from hypergraph.analysis.measure import generate, measure_loss, or_nan
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.records import Price
from hypergraph.runs.result import load_members
from hypergraph.spec import MLPSpec
from hypergraph.storage.schema import Count, Number

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

PHASE_INPUTS = 2_000
"""Inputs on which a loss is measured, for a standard error of about 5 percent."""


class PhaseRecord(Struct, frozen=True):
    """A network that one member generated at one step of its training; the other fields are those of NetworkRecord."""

    member: Count
    step: Count
    beta: Price
    algorithm: str
    loss: Number
    kl: Number


def phases_at(
    generator: Generator,
    step: int,
    task: Task,
    classifier: Classifier,
    *,
    seed: int,
    members: Sequence[int],
    spec: MLPSpec | None = None,
) -> Iterator[PhaseRecord]:
    """Sweep the generator that `members` had at `step`; arguments as of `hypergraph.analysis.sweep.sweep`."""
    for beta in BETA_GRID:
        networks, kls = generate(generator, beta, seed=seed, members=members, spec=spec)
        losses = measure_loss(task, networks, seed=seed, inputs=PHASE_INPUTS).tolist()
        verdicts = classify(classifier, networks)
        for member, verdict, loss, kl in zip(members, verdicts, losses, kls.tolist(), strict=True):
            yield PhaseRecord(member, step, beta, verdict.algorithm or UNKNOWN, loss, kl)


class Checkpoint(Struct, frozen=True):
    """The job of sweeping a checkpoint.

    Attributes:
        config: of the run.
        step: of the checkpoint.
        members: of the checkpoint, by their numbers in the run.
        generator: its file.
        families: the file of the families that stand in for a classifier, if there is one.
    """

    config: RunConfig
    step: int
    members: tuple[int, ...]
    generator: Path
    families: Path | None


def measure_phases(run: FinishedRun) -> list[PhaseRecord]:
    """One record per member, beta and checkpoint, by step. Raises MissingDataError."""
    run.need_checkpoints()
    run.classifier  # noqa: B018, raises where there is none
    families = path if (path := run.directory.families).is_file() else None
    parts = {
        f"{step:07d}-{members[0]}-{members[-1]}": Checkpoint(run.config, step, tuple(members), path, families)
        for step, members, path in run.directory.checkpoints()
    }
    return kept(run, _PHASES, parts)


def sweep_checkpoint(job: Checkpoint, observe: Observer = ignore) -> list[PhaseRecord]:
    """The records of one checkpoint. Raises FileError, PluginError."""
    config, members = job.config, job.members
    generator = load_members(job.generator, config, len(members))
    task = TASKS.load(config.task, config.options)
    classifier = load_families(job.families) if job.families else classifier_for(config.task)
    assert classifier is not None
    swept = phases_at(generator, job.step, task, classifier, seed=config.seed, members=members, spec=config.spec)
    return list(swept)


_PHASES = Analysis("phases", "classifying checkpoints", list[PhaseRecord], jobs(sweep_checkpoint))


def outcomes(classifier: Classifier, phases: Sequence[PhaseRecord]) -> dict[int, str]:
    """The classifier's name for how each member developed."""
    members = sorted({phase.member for phase in phases})
    return {member: _outcome(classifier, [phase for phase in phases if phase.member == member]) for member in members}


def _outcome(classifier: Classifier, phases: Sequence[PhaseRecord]) -> str:
    steps = sorted({phase.step for phase in phases})
    columns = [sorted((p for p in phases if p.step == step), key=lambda phase: phase.beta) for step in steps]
    labels = [[phase.algorithm for phase in column] for column in columns]
    return classifier.outcome(labels, [or_nan(phase.kl) for phase in columns[-1]])
