"""Where training starts: how strongly the hyperweights pass the encoder's learned variables on to the weights.

The paper does not say how to start, and the start decides which of its outcomes a member comes to. Unwired, from small
random hyperweights and a noisy channel, members learn to ignore the encoder: what structure they find, they find for
randomly assigned neurons. Wired, the learned variables feed the channel's means and the latents the weight: a generated
network starts as a memorised random network that gradient descent can shape, and the price of information then
simplifies it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import ACTIVATION, ATTENTION_IN, ATTENTION_OUT, COMPUTED, LATENT
from hypergraph.model.channel import SCALE_RANGE
from hypergraph.model.hypernetwork import hyperweight_count, unflatten_hyperweights

LOG_SCALE = -2.5
"""Where log sigma of a wired channel starts. From 0, the noise teaches the decoder to ignore the channel."""
READ_OUT = 0.3
"""Scale of the read-out, and of a wired latent's part in a weight."""
LEARNED_SCALE = 0.3
"""Spread of the learned variables. From 1, about half of the members stay near their random first weights."""


def initial_hyperweights(graph: ComputationGraph, rng: torch.Generator, wiring: float = 1.0) -> tuple[Tensor, Tensor]:
    """Hyperweights to start from, and the scale on which each of them may vary with beta; both [hyperweights].

    `wiring` from 0 to 1 says how far learned variable k feeds the mean of latent k, and every latent the weight.
    """
    values, scales = torch.zeros(2, 1, hyperweight_count(graph.weights))
    linears, learned = unflatten_hyperweights(values, graph, encoder=True)
    spreads, learned_spread = unflatten_hyperweights(scales, graph, encoder=True)
    for linear, spread in zip(linears, spreads, strict=True):
        std = 1 / math.sqrt(max(linear.weight.shape[2], 1))
        linear.weight.copy_(torch.randn(linear.weight.shape, generator=rng) * std)
        spread.weight.fill_(std)
        spread.bias.fill_(std)
    means = ACTIVATION + ATTENTION_IN
    for linear in linears[:-1]:
        linear.bias[:, means + LATENT :] = SCALE_RANGE * math.atanh(wiring * LOG_SCALE / SCALE_RANGE)
        if linear is not linears[0]:
            wires = linear.weight[:, means : means + LATENT, COMPUTED : COMPUTED + LATENT].diagonal(dim1=1, dim2=2)
            wires.lerp_(torch.ones(()), wiring)
    latents = slice(ACTIVATION + ATTENTION_OUT, ACTIVATION + ATTENTION_OUT + LATENT)
    linears[-1].weight.mul_(READ_OUT)
    spreads[-1].weight.mul_(READ_OUT)
    spreads[-1].bias.mul_(READ_OUT)
    signs = 1.0 - 2 * torch.randint(2, (LATENT,), generator=rng)
    linears[-1].weight[:, 0, latents] = torch.lerp(linears[-1].weight[:, 0, latents], READ_OUT * signs, wiring)
    learned.copy_(torch.randn(learned.shape, generator=rng) * LEARNED_SCALE)
    learned_spread.fill_(LEARNED_SCALE)
    return values.squeeze(0), scales.squeeze(0)
