"""Networks of sizes that a generator was not trained for (section 2.4), made with the encoder ignored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor

from hypergraph.analysis.kept import Analysis, kept, or_nan
from hypergraph.analysis.measure import TEST_INPUTS, generate
from hypergraph.errors import MissingDataError, UsageError
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.records import NetworkRecord, Price
from hypergraph.spec import MLPSpec
from hypergraph.storage.schema import Count, Number
from hypergraph.training.memory import GENERATION, check_memory
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

FACTORS = (0.25, 0.375, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Sizes of the map, relative to the one network that a generator was trained on."""
STEPS = 15
"""Sizes of the map, evenly from the smallest to the largest that a generator of several networks was trained on."""

NORMALISATIONS = {
    "own": "target normalised at each size",
    "training": "target normalised as at the training size",
    "fitted": "best affine read-out, 1 - R²",
}
"""Ways to compare an output with a target whose scale depends on the size; the paper does not say which it plots."""

SAMPLES = 4
"""Networks generated per size; losses are means over them."""


class SizeRecord(Struct, frozen=True):
    """The losses of a member at one size under each of NORMALISATIONS, and whether it was trained on that size."""

    member: Count
    beta: Price
    inputs: Count
    hidden: Count
    trained: bool
    own: Number
    training: Number
    fitted: Number


@torch.no_grad()
def losses_at_size(
    generator: Generator, beta: float, task: Task, spec: MLPSpec, trained: MLPSpec, *, seed: int, member: int
) -> dict[str, float]:
    """The mean loss of networks of `spec` under each of NORMALISATIONS.

    Args:
        generator: of one member, trained for `trained`; its encoder is ignored.
        beta: the price that it is asked for.
        task: what the networks should compute.
        spec: the network to generate.
        trained: the network whose targets the generator knows.
        seed: of the run; samples have the seeds after it, since a member is chosen by the networks of its own.
        member: the member's number in its run.

    Raises:
        SpecError: where the task cannot be computed by such a network.
    """
    task.check_spec(spec)
    samples = [
        generate(generator, beta, seed=seed + 1 + n, members=[member], spec=spec, encoder=False).networks[0]
        for n in range(SAMPLES)
    ]
    inputs, targets = task.sample(spec, TEST_INPUTS, stream(seed, "test"))
    outputs = MLPWeights.stack(samples)(inputs)
    (mean, deviation), (own_mean, own_deviation) = task.normalisation(trained), task.normalisation(spec)
    known = (own_mean + own_deviation * targets - mean) / deviation
    return {
        "own": float(task.loss(outputs, targets.expand_as(outputs)).mean()),
        "training": float(task.loss(outputs, known.expand_as(outputs)).mean()),
        "fitted": float(unexplained(outputs, targets).mean()),
    }


def unexplained(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 - R² of each output's best affine read-out, averaged: [..., batch, output] and [batch, output] -> [...]."""
    x, y = outputs - outputs.mean(-2, keepdim=True), targets - targets.mean(-2, keepdim=True)
    shared = (x * y).sum(-2).square()
    sizes = x.square().sum(-2) * y.square().sum(-2)
    return (1 - shared / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).mean(-1)


def _measure(run: FinishedRun, part: tuple[NetworkRecord, int, int]) -> list[SizeRecord]:
    """One size; nothing where the task or the memory does not allow it."""
    (network, inputs, hidden), config = part, run.config
    spec = replace(config.spec, sizes=(inputs, hidden, config.spec.sizes[-1]))
    try:
        check_memory(spec, 1, GENERATION)
        one = run.generator.member(network.member)
        losses = losses_at_size(one, network.beta, run.task, spec, config.spec, seed=config.seed, member=network.member)
    except UsageError:
        return []
    return [SizeRecord(network.member, network.beta, inputs, hidden, spec in config.specs, **losses)]


SIZES = Analysis("sizes", "trying sizes", list[SizeRecord], _measure)


def size_parts(
    networks: Iterable[NetworkRecord], sizes: Sequence[tuple[int, int]]
) -> dict[str, tuple[NetworkRecord, int, int]]:
    """A part for every pair of input and hidden sizes, by members and prices of networks."""
    return {
        f"member{network.member}-{inputs}x{hidden}": (network, inputs, hidden)
        for network in networks
        for inputs, hidden in sizes
    }


def best_without_encoder(run: FinishedRun) -> NetworkRecord:
    """The network of the member that does best with its encoder ignored, at its best price.

    Of a generator of several networks, the member that is best on average over these.
    """
    best: dict[int, NetworkRecord] = {}
    for network in sorted(run.networks, key=lambda network: or_nan(network.decoder_loss)):
        best.setdefault(network.member, network)
    if len(run.config.specs) == 1:
        return next(iter(best.values()))
    found = kept(run, SIZES, size_parts(best.values(), [(spec.sizes[0], spec.sizes[1]) for spec in run.config.specs]))
    means = {member: mean(or_nan(size.own) for size in found if size.member == member) for member in best}
    return best[min(means, key=means.__getitem__)]


def check_plane(run: FinishedRun) -> None:
    """Raise MissingDataError where there is no plane of sizes, or no member works without its encoder."""
    specs = run.config.specs
    if any(len(spec.sizes) != 3 or spec.masks for spec in specs):
        raise MissingDataError("a map of sizes needs networks of one hidden layer and without masks")
    inputs, hidden = ({spec.sizes[layer] for spec in specs} for layer in (0, 1))
    if len(inputs) < len(specs) or (len(specs) > 1 and len(hidden) < 2):
        raise MissingDataError("a map of sizes needs networks whose hidden neurons grow with their inputs")
    lowest = min(or_nan(network.decoder_loss) for network in run.networks)
    if lowest > run.task.solved_loss:
        raise MissingDataError(f"no member solves the task with its encoder ignored: the best loss is {lowest:.3f}")


def mapped_sizes(specs: Sequence[MLPSpec]) -> list[tuple[int, int]]:
    """Input and hidden sizes of the map; of several networks, hidden sizes grow with inputs as theirs do."""
    inputs, hidden = zip(*sorted(spec.sizes[:2] for spec in specs), strict=True)
    if len(specs) == 1:
        spans = _whole(inputs[0] * factor for factor in FACTORS), _whole(hidden[0] * factor for factor in FACTORS)
    else:
        even = np.linspace(inputs[0], inputs[-1], STEPS).round()
        spans = _whole(even), _whole(np.interp(even, inputs, hidden))
    return list(itertools.product(*spans))


def _whole(wanted: Iterable[float]) -> list[int]:
    return sorted({max(1, round(float(size))) for size in wanted})


def sizes_between(specs: Sequence[MLPSpec]) -> list[tuple[int, int]]:
    """Every input size between those of several networks, with hidden sizes that grow as theirs do."""
    if len(specs) < 2:
        raise MissingDataError("the generator was trained on one network")
    inputs, hidden = zip(*sorted(spec.sizes[:2] for spec in specs), strict=True)
    return [(size, round(float(np.interp(size, inputs, hidden)))) for size in range(inputs[0], inputs[-1] + 1)]
