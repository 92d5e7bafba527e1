"""Test explanations by intervention: remove the part that should matter, and measure what breaks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from msgspec import Struct
from torch import Tensor

from hypergraph.analysis.kept import Analysis, here, kept
from hypergraph.analysis.measure import best_of, generate, measure_loss
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
    """The generator with its learned variables shuffled among the weights of each connection.

    This destroys a memorised assignment of weights, and changes nothing where the assignment is random.
    """
    counts = [spec.count(connection) for spec in generator.specs for connection in spec.connections]
    firsts = [0, *itertools.accumulate(counts)]
    order = [first + torch.randperm(count, generator=rng) for first, count in zip(firsts[:-1], counts, strict=True)]
    return Generator(generator.specs, generator.pareto.reordered(deal_learned(torch.cat(order))))


@torch.no_grad()
def ablate_strongest(network: MLPWeights, task: Task, rng: torch.Generator, batch: int = 20_000) -> Tensor:
    """How much the error due to each input grows when one input's strongest first weight is set to zero.

    Returns:
        [ablated input, input], growth of `error_by_input`.
    """
    first = network.weights[0]
    inputs, targets = task.sample_held_out(network.spec, batch, rng)
    whole = error_by_input(network, inputs, targets)
    growth = []
    for column, row in enumerate(first.abs().argmax(0).tolist()):
        cut = first.clone()
        cut[row, column] = 0
        ablated = MLPWeights(network.spec, (cut, *network.weights[1:]), network.biases)
        growth.append(error_by_input(ablated, inputs, targets) - whole)
    return torch.stack(growth)


def error_by_input(network: MLPWeights, inputs: Tensor, targets: Tensor) -> Tensor:
    """The part of the squared error, summed over outputs, that a function of one input could remove: [input].

    It is the variance of the mean error given that input.
    """
    errors = network(inputs) - targets
    errors = errors - errors.mean(0)
    order = inputs.argsort(0)
    kept = len(order) // BINS * BINS
    by_bin = errors[order[:kept]].unflatten(0, (BINS, -1)).mean(1)  # [bin, input, output]
    result: Tensor = by_bin.square().mean(0).sum(-1)
    return result


class ShuffleRecord(Struct, frozen=True):
    """A member's network of lowest loss, and the loss after its learned variables were shuffled."""

    member: Count
    beta: Price
    kl: Number
    loss: Number
    shuffled_loss: Number


def measure_shuffle(run: FinishedRun) -> list[ShuffleRecord]:
    """Every member at its best price, with its learned variables shuffled. Raises MissingDataError."""
    run.need_encoder()
    best = best_of(run.networks, lambda network: network.member)
    return kept(run, _SHUFFLE, {f"member{member}": best[member] for member in sorted(best)})


def _shuffle(run: FinishedRun, best: NetworkRecord) -> list[ShuffleRecord]:
    member, seed = best.member, run.config.seed
    shuffled = shuffle_learned(run.generator_of(member), stream(seed, member, "shuffle"))
    network = generate(shuffled, best.beta, seed=seed, members=[member]).networks
    loss = float(measure_loss(run.task, network, seed=seed))
    return [ShuffleRecord(member, best.beta, best.kl, best.loss, loss)]


_SHUFFLE = Analysis("shuffle", "shuffling learned variables", list[ShuffleRecord], here(_shuffle))


class AblationRecord(Struct, frozen=True):
    """A member's network of lowest loss that runs an algorithm; `growth` is that of `ablate_strongest`."""

    algorithm: str
    member: Count
    beta: Price
    loss: Number
    growth: list[list[Number]]


def measure_ablation(run: FinishedRun) -> list[AblationRecord]:
    """The best network of each algorithm and member. Raises MissingDataError."""
    best = best_of(run.classified, lambda network: (str(network.algorithm), network.member))
    return kept(run, _ABLATION, {"all": [best[key] for key in sorted(best)]})


def _ablate(run: FinishedRun, best: Sequence[NetworkRecord]) -> list[AblationRecord]:
    """All networks are one part, because they draw their inputs from one stream, in order."""
    rng, records = stream(run.config.seed, "ablation"), []
    for network in best:
        growth = ablate_strongest(run.load_network(network), run.task, rng).tolist()
        records.append(AblationRecord(str(network.algorithm), network.member, network.beta, network.loss, growth))
    return records


_ABLATION = Analysis("ablation", "cutting weights", list[AblationRecord], here(_ablate))
