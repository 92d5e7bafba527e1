"""How the algorithms develop through training (figure 3): each checkpoint swept over the price of information."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.spec import MLPSpec

PHASE_INPUTS = 2_000
"""Inputs on which a loss is measured; its standard error is then about 5 percent of it."""


@dataclass(frozen=True)
class Phase:
    """What one member generated at one price, at one step of its training.

    Attributes:
        member: number of the hypernetwork in its run.
        step: of the training.
        beta: the price per nat.
        algorithm: the classifier's label.
        loss: the task's loss on fresh inputs.
        kl: information in the latents, in nats.
    """

    member: int
    step: int
    beta: float
    algorithm: str
    loss: float
    kl: float


def phases_at(
    generator: Generator,
    step: int,
    task: Task,
    classifier: Classifier,
    *,
    seed: int,
    members: Sequence[int],
    spec: MLPSpec | None = None,
) -> Iterator[Phase]:
    """Sweep the generator that `members` had at `step`; `spec` is as in :func:`hypergraph.analysis.sweep.sweep`."""
    for beta in BETA_GRID:
        sample = generate(generator, beta, seed=seed, members=members, spec=spec)
        losses = measure_loss(task, sample.networks, seed=seed, inputs=PHASE_INPUTS).tolist()
        verdicts = classify(classifier, sample.networks)
        for member, verdict, loss, kl in zip(members, verdicts, losses, sample.kl.tolist(), strict=True):
            yield Phase(member, step, beta, verdict.algorithm or UNKNOWN, loss, kl)


def outcomes(classifier: Classifier, phases: Sequence[Phase]) -> dict[int, str]:
    """How each member developed, in the classifier's words."""
    members = sorted({phase.member for phase in phases})
    return {member: _outcome(classifier, [phase for phase in phases if phase.member == member]) for member in members}


def _outcome(classifier: Classifier, phases: Sequence[Phase]) -> str:
    steps = sorted({phase.step for phase in phases})
    columns = [sorted((p for p in phases if p.step == step), key=lambda phase: phase.beta) for step in steps]
    labels = [[phase.algorithm for phase in column] for column in columns]
    return classifier.outcome(labels, [phase.kl for phase in columns[-1]])
