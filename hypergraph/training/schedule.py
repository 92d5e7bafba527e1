"""The schedules of a training: wiring, prices of information, early inputs, who uses an encoder, learning rate."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.model.pareto import LOG10_BETA_RANGE
from hypergraph.rng import stream
from hypergraph.training.recipe import Recipe

LOWEST, HIGHEST = LOG10_BETA_RANGE
FIRST_WINDOW = 1.0
"""Decades of beta that are drawn from at the first step."""
RISING, FALLING = 0.03, 0.5
"""The shares of the steps at which the learning rate has risen to its highest, and from which on it falls. It takes
members with a random assignment long to leave convexity, and only at a high rate."""

EARLY = 0.5
"""The share of the steps in which a task's early inputs are drawn."""


UNWIRED = 0.25
"""The wiring below which a member trains its decoder alone, without its encoder, where a task wants that at first."""


class Numbers(NamedTuple):
    """All that a step takes from its place in the training: plain numbers, or scalars on the device that repeats it."""

    step: int | Tensor
    """The number of the step, from 1"""
    window_top: float | Tensor
    """log10 of the highest price that is drawn"""
    rate: float | Tensor
    """The learning rate, over Adam's correction of the means"""
    root: float | Tensor
    """The root of Adam's correction of the squares"""


def draw_wiring(recipe: Recipe, seed: int, member: int) -> float:
    """The wiring of this member at the start: the recipe's, or drawn uniformly between 0 and 1."""
    match recipe.wiring:
        case None:
            return float(torch.rand((), generator=stream(seed, member, "wiring")))
        case tuple():
            return recipe.wiring[member % len(recipe.wiring)]
        case _:
            return recipe.wiring


def window_top(step: int, warmup_steps: int) -> float:
    """log10 of the highest price drawn at `step`, which rises to HIGHEST over `warmup_steps` steps.

    High prices at the start would push the KL to zero for good, before the network has learned to use the channel.
    """
    opened = min(step / warmup_steps, 1.0) if warmup_steps else 1.0
    return LOWEST + FIRST_WINDOW + (HIGHEST - LOWEST - FIRST_WINDOW) * opened


def draw_beta(rng: torch.Generator, top: float | Tensor) -> Tensor:
    """Draw one price, log-uniform over the window below the power `top` of ten: []."""
    share = torch.rand((), generator=rng, device=rng.device, dtype=torch.float64)
    return 10 ** (LOWEST + share * (top - LOWEST))


def is_early(step: int, steps: int) -> bool:
    """Whether a task's early inputs are drawn at `step`: in the first half of the steps."""
    return step < EARLY * steps


def uses_encoder(decoder_first: bool, wiring: float) -> bool:
    """Whether a member of this wiring is trained with its encoder; unwired ones are not where the decoder is first."""
    return not decoder_first or wiring >= UNWIRED


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Rises in a line, stays at `highest`, and falls as a cosine to zero at `steps`."""
    share = step / steps
    risen = min(1.0, (step + 1) / (RISING * steps))
    return highest * risen * cosine(max(0.0, (share - FALLING) / (1 - FALLING)))


def cosine(share: float) -> float:
    """From 1 at `share` 0 to 0 at 1."""
    return (1 + math.cos(math.pi * share)) / 2
