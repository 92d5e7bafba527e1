"""How to train: the numbers that the paper does not give, and the presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from hypergraph.storage.schema import Record

MAX_STEPS = 10**9
MAX_BATCH = 2**20
Wiring = Annotated[float, Meta(ge=0, le=1)]


class Recipe(Record, frozen=True, forbid_unknown_fields=True):
    """The hyperparameters of a training run.

    Attributes:
        steps: optimiser steps.
        batch: inputs drawn per member and step.
        learning_rate: the highest learning rate.
        beta_warmup_steps: steps until all prices of information are drawn.
        wiring: how far a member's channel is wired at the start, from 0 to 1; null lets each member draw its own.
    """

    steps: Annotated[int, Meta(ge=1, le=MAX_STEPS)]
    batch: Annotated[int, Meta(ge=1, le=MAX_BATCH)] = 256
    learning_rate: Annotated[float, Meta(ge=1e-12, le=1)] = 2e-3
    beta_warmup_steps: Annotated[int, Meta(ge=0, le=MAX_STEPS)] = 2_000
    wiring: Wiring | None = 1.0


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
