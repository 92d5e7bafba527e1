"""The hyperparameters of training, which the paper does not give, and presets."""

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
        learning_rate: the highest learning rate, from which it decays to zero.
        beta_warmup_steps: steps until prices of information are drawn from their whole range.
        wiring: how far a member's channel is wired at the start, from 0 to 1; several values are those of one member
            after another, and begin anew after the last; null draws a value per member. Below 0.25, and
            where the task wants it, a member trains its decoder alone in the first half of the steps.
    """

    steps: Annotated[int, Meta(ge=1, le=MAX_STEPS)]
    batch: Annotated[int, Meta(ge=1, le=MAX_BATCH)] = 256
    learning_rate: Annotated[float, Meta(ge=1e-12, le=1)] = 2e-3
    beta_warmup_steps: Annotated[int, Meta(ge=0, le=MAX_STEPS)] = 2_000
    wiring: Wiring | Annotated[tuple[Wiring, ...], Meta(min_length=1)] | None = 1.0


@dataclass(frozen=True)
class Preset:
    """A number of members and a recipe."""

    members: int
    recipe: Recipe


PRESETS = {
    "quick": Preset(4, Recipe(steps=25_000, wiring=(1.0, 0.0))),
    "paper": Preset(33, Recipe(steps=30_000, wiring=None)),
}
"""`quick` takes less than ten minutes on two cores, and wires every other member; `paper` has as many members as the
paper, of random wiring."""
