"""Sweep the price of information from almost free to dear: what each member generates, and which algorithm it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import Sample, generate, measure_loss
from hypergraph.interfaces import Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.model.pareto import LOG10_BETA_RANGE
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

_LOW, _HIGH = LOG10_BETA_RANGE
BETA_GRID = tuple(10.0 ** (_LOW + (_HIGH - _LOW) * n / 30) for n in range(31))
"""From 1e-12 to 1 in 30 logarithmic increments, as in the paper's figures."""


@dataclass(frozen=True)
class Row:
    """One generated network and what was measured on it.

    Attributes:
        member: number of the hypernetwork in its run.
        beta: the price per nat.
        loss: the task's loss on fresh inputs.
        kl: information in the latents, in nats.
        decoder_loss: the loss of the network generated with the encoder ignored.
        algorithm: the classifier's label, None where no classifier knows such networks.
        confidence: of that label, from 0 to 1.
        order_parameters: the classifier's, by name.
        network: the network itself.
    """

    member: int
    beta: float
    loss: float
    kl: float
    decoder_loss: float
    algorithm: str | None
    confidence: float | None
    order_parameters: dict[str, float]
    network: MLPWeights


def sweep(
    generator: Generator,
    task: Task,
    classifier: Classifier | None,
    *,
    seed: int,
    spec: MLPSpec | None = None,
    members: Sequence[int] | None = None,
    betas: Sequence[float] = BETA_GRID,
) -> Iterator[list[Row]]:
    """For each beta, one row per member.

    `spec` is the network to generate, the generator's first if None; `members` are their numbers in the run, from 0 if
    None.
    """
    numbers = range(generator.members) if members is None else members
    make = partial(generate, generator, seed=seed, members=numbers, spec=spec)
    for beta in betas:
        samples = make(beta), make(beta, encoder=False), make(beta, sibling=True)
        yield _rows(samples, task, classifier, beta, seed, numbers)


def _rows(
    samples: tuple[Sample, Sample, Sample],
    task: Task,
    classifier: Classifier | None,
    beta: float,
    seed: int,
    members: Sequence[int],
) -> list[Row]:
    sample, ignored, sibling = samples
    losses = measure_loss(task, sample.networks, seed=seed).tolist()
    decoder_losses = measure_loss(task, ignored.networks, seed=seed).tolist()
    verdicts = classify(classifier, sample.networks, sibling.networks)
    return [
        Row(member, beta, loss, kl, decoder_loss, *verdict, sample.networks[index])
        for index, (member, loss, kl, decoder_loss, verdict) in enumerate(
            zip(members, losses, sample.kl.tolist(), decoder_losses, verdicts, strict=True)
        )
    ]
