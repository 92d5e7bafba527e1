"""Where training starts: how strongly the hyperweights pass the encoder's learned variables on to the weights.

The paper does not say how to start, and the start decides which of its outcomes a member comes to. Unwired, from small
random hyperweights and a noisy channel, members learn to ignore the encoder: what structure they find, they find for
randomly assigned neurons. Wired, the learned variables feed the channel's means and the latents the weight: a generated
network starts as a memorised random network that gradient descent can shape, and the price of information then
simplifies it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import ACTIVATION, ATTENTION_IN, ATTENTION_OUT, COMPUTED, LATENT
from hypergraph.model.channel import SCALE_RANGE
from hypergraph.model.hyperlayer import Linear
from hypergraph.model.hypernetwork import hyperweight_count, unflatten_hyperweights

LOG_SCALE = -2.5
"""Where log sigma of a wired channel starts. From 0, the noise teaches the decoder to ignore the channel."""
READ_OUT = 0.3
"""Scale of a wired read-out, and of each latent's part in a weight. Members leave the plateau unwired only from 1."""
LEARNED_SCALE = 0.3
"""Spread of the learned variables. From 1, about half of the members stay near their random first weights."""


def initial_hyperweights(graph: ComputationGraph, rng: torch.Generator, wiring: float = 1.0) -> tuple[Tensor, Tensor]:
    """Hyperweights to start from, and the scale on which each of them may vary with beta; both [hyperweights].

    `wiring` goes linearly from 0, an unwired start of the same random numbers, to 1.
    """
    values, scales = torch.zeros(2, 1, hyperweight_count(graph.weights))
    linears, learned = unflatten_hyperweights(values, graph, encoder=True)
    spreads, learned_spread = unflatten_hyperweights(scales, graph, encoder=True)
    for linear, spread in zip(linears, spreads, strict=True):
        std = 1 / math.sqrt(max(linear.weight.shape[2], 1))
        linear.weight.copy_(torch.randn(linear.weight.shape, generator=rng) * std)
        spread.weight.fill_(std)
        spread.bias.fill_(std)
    signs = 1 - 2 * torch.randint(2, (LATENT,), generator=rng)
    learned.copy_(torch.randn(learned.shape, generator=rng) * LEARNED_SCALE)
    learned_spread.fill_(LEARNED_SCALE)
    unwired = values.clone(), scales.clone()
    _wire(linears, spreads, signs)
    start, variation = (torch.lerp(*ends, wiring) for ends in zip(unwired, (values, scales), strict=True))
    return start.squeeze(0), variation.squeeze(0)


def _wire(linears: Sequence[Linear], spreads: Sequence[Linear], signs: Tensor) -> None:
    """Let learned variable k feed the mean of latent k, and every latent the weight, with less of everything else."""
    means = ACTIVATION + ATTENTION_IN
    for linear in linears[:-1]:
        linear.bias[:, means + LATENT :] = SCALE_RANGE * math.atanh(LOG_SCALE / SCALE_RANGE)
        if linear is not linears[0]:
            linear.weight[:, means : means + LATENT, COMPUTED : COMPUTED + LATENT].diagonal(dim1=1, dim2=2).fill_(1)
    for tensor in (linears[-1].weight, spreads[-1].weight, spreads[-1].bias):
        tensor.mul_(READ_OUT)
    latents = slice(ACTIVATION + ATTENTION_OUT, ACTIVATION + ATTENTION_OUT + LATENT)
    linears[-1].weight[:, 0, latents] = READ_OUT * signs
