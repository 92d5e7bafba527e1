"""How to train: the numbers that the paper does not give, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from hypergraph.extensions.options import check_number

MAX_STEPS = 10**9
MAX_BATCH = 2**20


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training run.

    Attributes:
        steps: optimiser steps.
        batch: inputs drawn per member and step.
        learning_rate: the highest learning rate.
        beta_warmup_steps: steps until all prices of information are drawn.
        wiring: how far a member's channel is wired at the start, from 0 to 1; None lets each member draw its own.

    Raises:
        UsageError: naming the number that is out of its bounds.
    """

    steps: int
    batch: int = 256
    learning_rate: float = 2e-3
    beta_warmup_steps: int = 2_000
    wiring: float | None = 1.0

    def __post_init__(self) -> None:
        check_number("steps", self.steps, int, 1, MAX_STEPS)
        check_number("batch", self.batch, int, 1, MAX_BATCH)
        check_number("learning_rate", self.learning_rate, float, 1e-12, 1)
        check_number("beta_warmup_steps", self.beta_warmup_steps, int, 0, MAX_STEPS)
        if self.wiring is not None:
            check_number("wiring", self.wiring, float, 0, 1)


@dataclass(frozen=True)
class Preset:
    """How many hypernetworks to train, and how."""

    members: int
    recipe: Recipe


PRESETS = {
    "quick": Preset(4, Recipe(steps=10_000)),
    "paper": Preset(33, Recipe(steps=30_000, learning_rate=1e-3, wiring=None)),
}
"""`quick` ends within ten minutes on two cores; `paper` has as many members as the paper, of every wiring."""
