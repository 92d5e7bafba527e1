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
    """

    steps: int
    batch: int = 256
    rate: float = 2e-3
    opening: int = 2_000


@dataclass(frozen=True)
class Preset:
    """How much to train: the number of members and of steps."""

    members: int
    steps: int


PRESETS = {"quick": Preset(members=4, steps=10_000), "paper": Preset(members=33, steps=30_000)}
"""`quick` ends within ten minutes on two cores; `paper` has as many members as the paper."""
