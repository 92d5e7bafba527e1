"""How to train: the numbers that the paper does not give, and the presets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training run.

    Attributes:
        steps: optimiser steps.
        batch: inputs drawn per member and step.
        rate: the highest learning rate.
        opening: steps until all prices of information are drawn.
        wiring: how far a member's channel is wired at the start, from 0 to 1; None lets each member draw its own.
    """

    steps: int
    batch: int = 256
    rate: float = 2e-3
    opening: int = 2_000
    wiring: float | None = 1.0


@dataclass(frozen=True)
class Preset:
    """How many hypernetworks to train, and how."""

    members: int
    recipe: Recipe


PRESETS = {
    "quick": Preset(4, Recipe(steps=10_000)),
    "paper": Preset(33, Recipe(steps=30_000, rate=1e-3, wiring=None)),
}
"""`quick` ends within ten minutes on two cores; `paper` has as many members as the paper, of every wiring."""
