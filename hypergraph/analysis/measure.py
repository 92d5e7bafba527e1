"""Generate one network per member at a price beta, and measure it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph.errors import UsageError
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

TEST_INPUTS = 10_000
"""Inputs on which a loss is measured; its standard error is then about 2 percent of it."""


def check_beta(beta: float) -> None:
    """Raise UsageError where beta is no price that generators are trained for."""
    if not 1e-12 <= beta <= 1:
        raise UsageError(f"beta {beta} is no price: generators are trained from 1e-12 (free) to 1 (dear)")


@dataclass(frozen=True)
class Sample:
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
    """One network per member of `generator`, whose numbers in their run are `members`.

    The same seed gives the same network; `sibling` gives another sample of the same hypernetwork. The encoder is used
    where there is one, unless `encoder` says otherwise.
    """
    chosen = (generator.specs[0] if spec is None else spec,)
    device = generator.pareto.weight1.device
    purpose = "sibling" if sibling else "generate"
    rngs = [stream(seed, member, purpose, device=device) for member in members]
    prices = torch.full((len(members),), beta, dtype=torch.float64, device=device)
    networks, kl = generator(
        prices, generator.draw(rngs, chosen), chosen, generator.has_encoder if encoder is None else encoder
    )
    return Sample(networks[0], kl[:, 0])


@torch.no_grad()
def measure_loss(task: Task, networks: MLPWeights, *, seed: int, inputs: int = TEST_INPUTS) -> Tensor:
    """The task's loss on inputs that training never saw, over the leading axes of `networks`."""
    rng = stream(seed, "test", device=networks.weights[0].device)
    x, y = task.sample(networks.spec, inputs, rng)
    outputs = networks(x)
    return task.loss(outputs, y.expand_as(outputs))
