"""Where training starts: hyperweights that pass the encoder's learned variables straight on to the weights.

The paper does not say how to start. From small random hyperweights most members ignore the channel and stay on the
convexity plateau. Here the learned variables are wired to the channel's means and the latents to the weight, so that a
generated network starts as a memorised random network that gradient descent can shape, and the price of information
then simplifies it.
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
"""Where log sigma of the channel starts. From 0, the noise teaches the decoder to ignore the channel."""
READ_OUT = 0.3
"""Scale of the read-out, and of each latent's part in a weight."""
LEARNED_SCALE = 0.3
"""Spread of the learned variables. From 1, about half of the members stay near their random first weights."""
WIRE = 1.0
"""How strongly learned variable k feeds the mean of latent k."""


def initial_hyperweights(graph: ComputationGraph, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hyperweights to start from, and the scale on which each of them may vary with beta; both [hyperweights]."""
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
        linear.bias[:, means + LATENT :] = SCALE_RANGE * math.atanh(LOG_SCALE / SCALE_RANGE)
        if linear is not linears[0]:
            linear.weight[:, means : means + LATENT, COMPUTED : COMPUTED + LATENT].diagonal(dim1=1, dim2=2).fill_(WIRE)
    latents = slice(ACTIVATION + ATTENTION_OUT, ACTIVATION + ATTENTION_OUT + LATENT)
    linears[-1].weight.mul_(READ_OUT)
    spreads[-1].weight.mul_(READ_OUT)
    spreads[-1].bias.mul_(READ_OUT)
    linears[-1].weight[:, 0, latents] = READ_OUT * (1 - 2 * torch.randint(2, (LATENT,), generator=rng))
    learned.copy_(torch.randn(learned.shape, generator=rng) * LEARNED_SCALE)
    learned_spread.fill_(LEARNED_SCALE)
    return values.squeeze(0), scales.squeeze(0)
