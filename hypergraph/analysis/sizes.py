"""Generate networks of sizes that a generator was not trained for (section 2.4), with the encoder ignored."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor

from hypergraph.analysis.kept import Analysis, here, kept
from hypergraph.analysis.measure import TEST_INPUTS, best_of, generate, or_nan
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
"""Sizes on the map, relative to the network of a generator that was trained on one."""
STEPS = 15
"""Sizes on the map, evenly from the smallest to the largest network of a generator that was trained on several."""

NORMALISATIONS = {
    "own": "target normalised at each size",
    "training": "target normalised as at the training size",
    "fitted": "best affine read-out, 1 - R²",
}
"""Ways to compare an output with a target whose scale depends on the size; the paper does not name the one it plots."""

SAMPLES = 4
"""Networks generated per size; losses are means over them."""


class SizeRecord(Struct, frozen=True):
    """A member's losses at one size under each of NORMALISATIONS; `trained` tells whether it was trained on it."""

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

    `generator` is that of one member, trained for `trained`; its encoder is ignored. `member` is its number in the run.
    The samples use the seeds after `seed`, because networks of `seed` itself chose the member. Raises SpecError where
    the task refuses such a network.
    """
    task.check_spec(spec)
    samples = [
        generate(generator, beta, seed=seed + 1 + n, members=[member], spec=spec, encoder=False).networks[0]
        for n in range(SAMPLES)
    ]
    inputs, targets = task.sample_held_out(spec, TEST_INPUTS, stream(seed, "test"))
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


def measure_plane(run: FinishedRun) -> list[SizeRecord]:
    """Losses over the plane of sizes, of the best member without its encoder. Raises MissingDataError."""
    return _best_at(run, mapped_sizes)


def measure_between(run: FinishedRun) -> list[SizeRecord]:
    """The same at every input size between those trained on. Raises MissingDataError."""
    return _best_at(run, sizes_between)


def _best_at(run: FinishedRun, sizes: Callable[[Sequence[MLPSpec]], list[tuple[int, int]]]) -> list[SizeRecord]:
    check_plane(run)
    return _measured(run, [best_without_encoder(run)], sizes(run.config.specs))


def _measured(
    run: FinishedRun, networks: Iterable[NetworkRecord], sizes: Sequence[tuple[int, int]]
) -> list[SizeRecord]:
    """The records of the members and prices of `networks`, at pairs of input and hidden sizes."""
    parts = {f"member{n.member}-{size[0]}x{size[1]}": (n, *size) for n in networks for size in sizes}
    return kept(run, _SIZES, parts)


def _measure(run: FinishedRun, part: tuple[NetworkRecord, int, int]) -> list[SizeRecord]:
    """The record of one size; none where the task or the memory does not allow it."""
    (network, inputs, hidden), config = part, run.config
    spec = replace(config.spec, sizes=(inputs, hidden, config.spec.sizes[-1]))
    try:
        check_memory(spec, 1, GENERATION)
        one = run.generator_of(network.member)
        losses = losses_at_size(one, network.beta, run.task, spec, config.spec, seed=config.seed, member=network.member)
    except UsageError:
        return []
    return [SizeRecord(network.member, network.beta, inputs, hidden, spec in config.specs, **losses)]


_SIZES = Analysis("sizes", "trying sizes", list[SizeRecord], here(_measure))


def best_without_encoder(run: FinishedRun) -> NetworkRecord:
    """The network of the member that does best with its encoder ignored, at its best price.

    If the generator was trained on several networks, the best member is that of the lowest mean loss over them.
    """
    best = best_of(run.networks, lambda network: network.member, lambda network: or_nan(network.decoder_loss))
    if len(run.config.specs) == 1:
        return next(iter(best.values()))
    records = _measured(run, best.values(), [(spec.sizes[0], spec.sizes[1]) for spec in run.config.specs])
    means = {member: mean(or_nan(record.own) for record in records if record.member == member) for member in best}
    return best[min(means, key=means.__getitem__)]


def check_plane(run: FinishedRun) -> None:
    """Raise MissingDataError unless the specs span a plane of sizes and a member works without its encoder."""
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
    """Input and hidden sizes of the map; for several specs, hidden sizes grow with inputs as theirs do."""
    inputs, hidden = zip(*sorted(spec.sizes[:2] for spec in specs), strict=True)
    if len(specs) == 1:
        axes = [inputs[0] * factor for factor in FACTORS], [hidden[0] * factor for factor in FACTORS]
    else:
        even = np.linspace(inputs[0], inputs[-1], STEPS).round()
        axes = even.tolist(), np.interp(even, inputs, hidden).tolist()
    return list(itertools.product(*(sorted({max(1, round(size)) for size in axis}) for axis in axes)))


def sizes_between(specs: Sequence[MLPSpec]) -> list[tuple[int, int]]:
    """Every input size between those of several specs, with hidden sizes that grow as theirs do."""
    if len(specs) < 2:
        raise MissingDataError("the generator was trained on one network")
    inputs, hidden = zip(*sorted(spec.sizes[:2] for spec in specs), strict=True)
    return [(size, round(float(np.interp(size, inputs, hidden)))) for size in range(inputs[0], inputs[-1] + 1)]
