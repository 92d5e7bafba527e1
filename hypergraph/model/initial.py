"""The initial hyperweights: how strongly they pass the encoder's learned variables on to the weights.

The paper does not describe the initialisation, but it decides which outcome a member reaches. Unwired members start
with small random hyperweights and a noisy channel, and learn to ignore the encoder, or train without it at first: they
find structure for randomly assigned neurons only. In wired members, learned variables feed the means of the latents,
and latents feed the weights: a generated network starts as a memorised random network, which training shapes and the
price of information simplifies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.channel import SCALE_RANGE
from hypergraph.model.dimensions import ACTIVATION, ATTENTION_IN, ATTENTION_OUT, COMPUTED, HYPERDEPTH, LATENT, LEARNED
from hypergraph.model.hyperlayer import Linear
from hypergraph.model.hypernetwork import LINEAR_SHAPES, flatten_hyperweights

LOG_SCALE = -2.5
"""Initial log sigma of a wired channel. From 0, the noise would teach the decoder to ignore the channel."""
READ_OUT = 0.3
"""Scale of a wired read-out, and of each latent's contribution to a weight. Unwired members need a scale of 1."""
LEARNED_SCALE = 0.3
"""Standard deviation of the learned variables. With 1, about half of the members stay near their initial weights."""


def initial_hyperweights(graph: ComputationGraph, rng: torch.Generator, wiring: float = 1.0) -> tuple[Tensor, Tensor]:
    """Initial hyperweights, and the scale on which each may vary with beta; both [hyperweight].

    `wiring` interpolates linearly between an unwired start (0) and a wired one (1) from the same random numbers.
    """
    unwired, scales = _unwired(rng)
    signs = 1 - 2 * torch.randint(2, (LATENT,), generator=rng)
    learned = torch.randn(1, HYPERDEPTH, LEARNED, graph.weights, generator=rng) * LEARNED_SCALE
    constant = torch.full_like(learned, LEARNED_SCALE)
    narrowed = [*scales[:-1], Linear(*(READ_OUT * part for part in scales[-1]))]
    wired = _wired(unwired, signs)
    start = torch.lerp(flatten_hyperweights(unwired, learned), flatten_hyperweights(wired, learned), wiring)
    spread = torch.lerp(flatten_hyperweights(scales, constant), flatten_hyperweights(narrowed, constant), wiring)
    return start.squeeze(0), spread.squeeze(0)


def _unwired(rng: torch.Generator) -> tuple[list[Linear], list[Linear]]:
    """Random linear maps of one member, with zero biases, and the scales of their entries."""
    linears, scales = [], []
    for out, width in LINEAR_SHAPES:
        std = 1 / math.sqrt(max(width, 1))
        linears.append(Linear(torch.randn(1, out, width, generator=rng) * std, torch.zeros(1, out, 1)))
        scales.append(Linear(torch.full((1, out, width), std), torch.full((1, out, 1), std)))
    return linears, scales


def _wired(unwired: Sequence[Linear], signs: Tensor) -> list[Linear]:
    """Let learned variable k feed the mean of latent k and all latents feed the weight; scale down the rest."""
    *layers, read_out = [Linear(weight.clone(), bias.clone()) for weight, bias in unwired]
    means = ACTIVATION + ATTENTION_IN
    for linear in layers:
        linear.bias[:, means + LATENT :] = SCALE_RANGE * math.atanh(LOG_SCALE / SCALE_RANGE)
    for linear in layers[1:]:
        linear.weight[:, means : means + LATENT, COMPUTED : COMPUTED + LATENT].diagonal(dim1=1, dim2=2).fill_(1)
    latents = slice(ACTIVATION + ATTENTION_OUT, ACTIVATION + ATTENTION_OUT + LATENT)
    read_out.weight.mul_(READ_OUT)[:, 0, latents] = READ_OUT * signs
    return [*layers, read_out]
