"""Explanations tested by intervention: what breaks when the part that should matter is taken away?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from msgspec import Struct
from torch import Tensor

from hypergraph.analysis.kept import Analysis
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import deal_learned
from hypergraph.rng import stream
from hypergraph.runs.records import NetworkRecord, Price
from hypergraph.storage.schema import Count, Number
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

BINS = 20
"""Bins of an input's values within which errors are averaged."""


@torch.no_grad()
def shuffle_learned(generator: Generator, rng: torch.Generator) -> Generator:
    """The generator with its learned variables dealt anew among the weights of each connection.

    Whoever memorised which weight goes where loses it; whoever draws that at random loses nothing.
    """
    counts = [spec.count(connection) for spec in generator.specs for connection in spec.connections]
    firsts = [0, *itertools.accumulate(counts)]
    dealt = [first + torch.randperm(count, generator=rng) for first, count in zip(firsts[:-1], counts, strict=True)]
    return Generator(generator.specs, generator.pareto.reordered(deal_learned(torch.cat(dealt))))


@torch.no_grad()
def ablate_strongest(network: MLPWeights, task: Task, rng: torch.Generator, batch: int = 20_000) -> Tensor:
    """How much the error due to each input grows when one input's strongest first weight is set to zero.

    Returns:
        [ablated input, input], growth of :func:`error_by_input`.
    """
    first = network.weights[0]
    inputs, targets = task.sample(network.spec, batch, rng)
    whole = error_by_input(network, inputs, targets)
    growth = []
    for column, row in enumerate(first.abs().argmax(0).tolist()):
        cut = first.clone()
        cut[row, column] = 0
        ablated = MLPWeights(network.spec, (cut, *network.weights[1:]), network.biases)
        growth.append(error_by_input(ablated, inputs, targets) - whole)
    return torch.stack(growth)


def error_by_input(network: MLPWeights, inputs: Tensor, targets: Tensor) -> Tensor:
    """The part of the mean squared error, summed over outputs, that depends on one input alone, for each: [input].

    The variance of the mean error given that input: what a function of this input, added to the output, could mend.
    """
    errors = network(inputs) - targets
    errors = errors - errors.mean(0)
    order = inputs.argsort(0)
    kept = len(order) // BINS * BINS
    by_bin = errors[order[:kept]].unflatten(0, (BINS, -1)).mean(1)  # [bin, input, output]
    result: Tensor = by_bin.square().mean(0).sum(-1)
    return result


class ShuffleRecord(Struct, frozen=True):
    """A member's network of lowest loss, and the loss after the member's learned variables were dealt anew."""

    member: Count
    beta: Price
    kl: Number
    loss: Number
    shuffled_loss: Number


def _shuffle(run: FinishedRun, best: NetworkRecord) -> list[ShuffleRecord]:
    member, seed = best.member, run.config.seed
    dealt = shuffle_learned(run.generator.member(member), stream(seed, member, "shuffle"))
    network = generate(dealt, best.beta, seed=seed, members=[member]).networks
    loss = float(measure_loss(run.task, network, seed=seed))
    return [ShuffleRecord(member, best.beta, best.kl, best.loss, loss)]


SHUFFLE = Analysis("shuffle", "shuffling learned variables", list[ShuffleRecord], _shuffle)


class AblationRecord(Struct, frozen=True):
    """A member's network of lowest loss of an algorithm, and what :func:`ablate_strongest` gives for it as `growth`."""

    algorithm: str
    member: Count
    beta: Price
    loss: Number
    growth: list[list[Number]]


def _ablate(run: FinishedRun, best: Sequence[NetworkRecord]) -> list[AblationRecord]:
    """All networks in one part: they draw their inputs from one stream, one after another."""
    rng, found = stream(run.config.seed, "ablation"), []
    for network in best:
        growth = ablate_strongest(run.load_network(network), run.task, rng).tolist()
        found.append(AblationRecord(str(network.algorithm), network.member, network.beta, network.loss, growth))
    return found


ABLATION = Analysis("ablation", "cutting weights", list[AblationRecord], _ablate)
