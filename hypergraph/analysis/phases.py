"""How the algorithms develop through training (figure 3): each checkpoint swept over the price of information."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.classify import classify
from hypergraph.analysis.kept import Analysis, or_nan
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import Price
from hypergraph.runs.result import load_members
from hypergraph.spec import MLPSpec
from hypergraph.storage.schema import Count, Number

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

PHASE_INPUTS = 2_000
"""Inputs on which a loss is measured; its standard error is then about 5 percent of it."""


class PhaseRecord(Struct, frozen=True):
    """What one member generated at one price, at one step of its training.

    Attributes:
        member: number of the hypernetwork in its run.
        step: of the training.
        beta: the price per nat.
        algorithm: the classifier's label.
        loss: the task's loss on fresh inputs.
        kl: information in the latents, in nats.
    """

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
    """Sweep the generator that `members` had at `step`; `spec` is as in :func:`hypergraph.analysis.sweep.sweep`."""
    for beta in BETA_GRID:
        sample = generate(generator, beta, seed=seed, members=members, spec=spec)
        losses = measure_loss(task, sample.networks, seed=seed, inputs=PHASE_INPUTS).tolist()
        verdicts = classify(classifier, sample.networks)
        for member, verdict, loss, kl in zip(members, verdicts, losses, sample.kl.tolist(), strict=True):
            yield PhaseRecord(member, step, beta, verdict.algorithm or UNKNOWN, loss, kl)


def _measure(run: FinishedRun, checkpoint: tuple[int, range, Path]) -> list[PhaseRecord]:
    (step, members, path), config = checkpoint, run.config
    generator = load_members(path, config, len(members))
    swept = phases_at(generator, step, run.task, run.classifier, seed=config.seed, members=members, spec=config.spec)
    return list(swept)


PHASES = Analysis("phases", "classifying checkpoints", list[PhaseRecord], _measure)


def checkpoint_parts(directory: RunDirectory) -> dict[str, tuple[int, range, Path]]:
    """A part for every checkpoint of every chunk, by step and then by member."""
    return {f"{step:07d}-{found[0]}-{found[-1]}": (step, found, path) for step, found, path in directory.checkpoints()}


def outcomes(classifier: Classifier, phases: Sequence[PhaseRecord]) -> dict[int, str]:
    """How each member developed, in the classifier's words."""
    members = sorted({phase.member for phase in phases})
    return {member: _outcome(classifier, [phase for phase in phases if phase.member == member]) for member in members}


def _outcome(classifier: Classifier, phases: Sequence[PhaseRecord]) -> str:
    steps = sorted({phase.step for phase in phases})
    columns = [sorted((p for p in phases if p.step == step), key=lambda phase: phase.beta) for step in steps]
    labels = [[phase.algorithm for phase in column] for column in columns]
    return classifier.outcome(labels, [or_nan(phase.kl) for phase in columns[-1]])
