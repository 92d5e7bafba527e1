"""Generate one network per member at a price beta, measure networks, and choose the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from hypergraph.errors import UsageError
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.records import NetworkRecord
from hypergraph.spec import MLPSpec
from hypergraph.storage.schema import as_record
from hypergraph.weights import MLPWeights

K = TypeVar("K")

LANES = 40_000
"""Weights that are generated at once where a member is swept alone."""
TEST_INPUTS = 10_000
"""Inputs on which a loss is measured, for a standard error of about 2 percent."""


def check_beta(beta: float) -> float:
    """The price beta as a number of Python. Raises UsageError unless generators are trained for it."""
    beta = as_record(beta, float, "beta")
    if not 1e-12 <= beta <= 1:
        raise UsageError(f"beta {beta} is no price: generators are trained from 1e-12 (free) to 1 (dear)")
    return beta


class Sample(NamedTuple):
    """One generated network per member.

    Attributes:
        networks: with the leading axis [member].
        kl: information in the latents, in nats, [member].
    """

    networks: MLPWeights
    kl: Tensor


@torch.no_grad()
def generate(
    generator: Generator,
    beta: float,
    *,
    seed: int,
    members: Sequence[int],
    spec: MLPSpec | None = None,
    encoder: bool | None = None,
    sibling: bool = False,
) -> Sample:
    """One network per member of `generator`; the same seed gives the same networks.

    `members` are the members' numbers in the run. `spec` is the network, the generator's first if None. `encoder` says
    whether to use the encoder; None uses it where there is one. `sibling` draws a second sample of the same
    hypernetworks.
    """
    specs = (generator.specs[0] if spec is None else spec,)
    device = generator.pareto.weight1.device
    purpose = "sibling" if sibling else "generate"
    rngs = [stream(seed, member, purpose, device=device) for member in members]
    betas = torch.full((len(members),), beta, dtype=torch.float64, device=device)
    use_encoder = generator.has_encoder if encoder is None else encoder
    networks, kl = generator(betas, generator.draw(rngs, specs), specs, use_encoder)
    return Sample(networks[0], kl[:, 0].clamp(min=0))  # rounding may leave 0 a little negative


@torch.no_grad()
def generate_along(
    generator: Generator, betas: Sequence[float], *, seed: int, member: int, spec: MLPSpec
) -> MLPWeights:
    """Networks of one member along prices, [price, ...]: those of `generate` up to rounding, in less time.

    `generator` has this member alone. Several prices at once take the places of members.
    """
    at_once = max(1, LANES // spec.weight_count)
    draws = generator.draw([stream(seed, member, "generate", device=generator.pareto.weight1.device)], (spec,))
    parts = []
    for start in range(0, len(betas), at_once):
        prices = torch.tensor(betas[start : start + at_once], dtype=torch.float64, device=draws.device)
        lanes, count = generator.repeated(len(prices)), len(prices)
        parts.append(lanes(prices, draws.expand(count, -1, -1, -1), (spec,), generator.has_encoder).networks[0])
    tensors = zip(*((*part.weights, *part.biases) for part in parts), strict=True)
    joined, split = tuple(map(torch.cat, tensors)), len(parts[0].weights)
    return MLPWeights(spec, joined[:split], joined[split:])


@torch.no_grad()
def measure_loss(task: Task, networks: MLPWeights, *, seed: int, inputs: int = TEST_INPUTS) -> Tensor:
    """The task's loss on inputs that training never saw, over the leading axes of `networks`."""
    rng = stream(seed, "test", device=networks.weights[0].device)
    x, y = task.sample_held_out(networks.spec, inputs, rng)
    outputs = networks(x)
    return task.loss(outputs, y.expand_as(outputs))


def or_nan(number: float | None) -> float:
    """A number of a record, NaN where it was not finite."""
    return math.nan if number is None else number


def by_loss(network: NetworkRecord) -> float:
    """The sort key of networks by their loss."""
    return or_nan(network.loss)


def best_of(
    networks: Iterable[NetworkRecord],
    group: Callable[[NetworkRecord], K],
    loss: Callable[[NetworkRecord], float] = by_loss,
) -> dict[K, NetworkRecord]:
    """The network of lowest loss in each group, the lowest of all first."""
    best: dict[K, NetworkRecord] = {}
    for network in sorted(networks, key=loss):
        best.setdefault(group(network), network)
    return best
