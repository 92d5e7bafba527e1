"""How the algorithms develop through training (figure 3): sweep beta at each checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.classify import classify
from hypergraph.analysis.kept import Analysis, kept
from hypergraph.analysis.measure import generate, measure_loss, or_nan
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
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


def measure_phases(run: FinishedRun) -> list[PhaseRecord]:
    """One record per member, beta and checkpoint, by step. Raises MissingDataError."""
    run.need_checkpoints()
    run.classifier  # noqa: B018, raises where there is none
    checkpoints = {f"{step:07d}-{m[0]}-{m[-1]}": (step, m, path) for step, m, path in run.directory.checkpoints()}
    return kept(run, _PHASES, checkpoints)


def _sweep_checkpoint(run: FinishedRun, checkpoint: tuple[int, Sequence[int], Path]) -> list[PhaseRecord]:
    (step, members, path), config = checkpoint, run.config
    generator = load_members(path, config, len(members))
    swept = phases_at(generator, step, run.task, run.classifier, seed=config.seed, members=members, spec=config.spec)
    return list(swept)


_PHASES = Analysis("phases", "classifying checkpoints", list[PhaseRecord], _sweep_checkpoint)


def outcomes(classifier: Classifier, phases: Sequence[PhaseRecord]) -> dict[int, str]:
    """The classifier's name for how each member developed."""
    members = sorted({phase.member for phase in phases})
    return {member: _outcome(classifier, [phase for phase in phases if phase.member == member]) for member in members}


def _outcome(classifier: Classifier, phases: Sequence[PhaseRecord]) -> str:
    steps = sorted({phase.step for phase in phases})
    columns = [sorted((p for p in phases if p.step == step), key=lambda phase: phase.beta) for step in steps]
    labels = [[phase.algorithm for phase in column] for column in columns]
    return classifier.outcome(labels, [or_nan(phase.kl) for phase in columns[-1]])
