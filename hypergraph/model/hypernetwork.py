"""The attentional KL hypernetwork (B.2, B.2.1): hyperweights and noise -> weights, biases and KL."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import (
    ACTIVATION,
    ATTENTION_IN,
    HYPERDEPTH,
    HYPERWIDTH_IN,
    HYPERWIDTH_OUT,
    LATENT,
    LEARNED,
)
from hypergraph.model.channel import SCALE_RANGE
from hypergraph.model.hyperlayer import Linear, hyperlayer

WEIGHT_AND_BIAS = 2
_WIDTHS = [0] + [HYPERWIDTH_IN] * (HYPERDEPTH - 1)  # the first hyperlayer starts from nothing
SHARED_HYPERWEIGHTS = sum(HYPERWIDTH_OUT * (width + 1) for width in _WIDTHS) + WEIGHT_AND_BIAS * (HYPERWIDTH_IN + 1)
"""Hyperweights that any network shares; those after them are learned variables of one network."""


def hyperweight_count(graph: ComputationGraph) -> int:
    """Hyperweights with the learned variables of `graph` counted in."""
    return SHARED_HYPERWEIGHTS + HYPERDEPTH * LEARNED * graph.weights


class Generated(NamedTuple):
    """What one pass generates, flat over all weights and biased neurons of the graph."""

    weights: Tensor
    """[member, weight]"""
    biases: Tensor
    """[member, biased neuron]"""
    kl: Tensor
    """In nats, [member, weight]"""


def hypernetwork(
    hyperweights: Tensor, draws: Tensor, encodings: Tensor, graph: ComputationGraph, encoder: bool
) -> Generated:
    """Generate the weights of every network of `graph`.

    Args:
        hyperweights: [member, SHARED_HYPERWEIGHTS], followed by learned variables if the encoder is used.
        draws: standard normal draws, [member, HYPERDEPTH, DRAWS, weight].
        encodings: positional encodings, [3 * POSITION, weight].
        graph: the computation graph of the target networks.
        encoder: whether the encoder is used; without it latents come from the prior and the KL is zero.
    """
    members, sides = hyperweights.shape[0], 1 + encoder
    linears, learned = unflatten_hyperweights(hyperweights, graph, encoder)
    hyperactivations = hyperweights.new_zeros(members, 0, sides, graph.weights)
    kl = hyperweights.new_zeros(members, graph.weights)
    for depth in range(HYPERDEPTH):
        hyperactivations, nats = hyperlayer(
            linears[depth], hyperactivations, learned[:, depth], draws[:, depth], encodings, graph
        )
        kl = kl + nats
    weight, bias = linears[-1](hyperactivations[:, :, -1:]).squeeze(2).unbind(1)
    return Generated(weight, _mean_over_inputs(bias, graph), kl)


def unflatten_hyperweights(
    hyperweights: Tensor, graph: ComputationGraph, encoder: bool
) -> tuple[list[Linear], Tensor]:
    """The hyperlayers' linear maps, the read-out, and the learned variables [member, HYPERDEPTH, LEARNED, weight]."""
    members = hyperweights.shape[0]
    shapes = [(HYPERWIDTH_OUT, width) for width in _WIDTHS] + [(WEIGHT_AND_BIAS, HYPERWIDTH_IN)]
    sizes = [size for out, width in shapes for size in (out * width, out)]
    parts = hyperweights[:, :SHARED_HYPERWEIGHTS].split(sizes, 1)
    linears = [
        Linear(weight.view(members, out, width), bias.unsqueeze(2))
        for (out, width), weight, bias in zip(shapes, parts[::2], parts[1::2], strict=True)
    ]
    shape = members, HYPERDEPTH, LEARNED, graph.weights
    if not encoder:
        return linears, hyperweights.new_zeros(1).expand(shape)
    return linears, hyperweights[:, SHARED_HYPERWEIGHTS:].view(shape)


def _mean_over_inputs(values: Tensor, graph: ComputationGraph) -> Tensor:
    """The bias of a neuron is the mean over the weights that enter it: [member, weight] -> [member, biased neuron]."""
    sums = values.new_zeros(values.shape[0], len(graph.incoming)).index_add(1, graph.target, values)
    return (sums / graph.incoming)[:, graph.biased]


INITIAL_LOG_SCALE = -2.5
"""Where log sigma of the channel starts; from 0, the noise teaches the decoder to ignore the channel."""
READ_OUT_SCALE = 0.3


def initial_hyperweights(graph: ComputationGraph, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hyperweights to start from, and the scale on which each of them may vary with beta; both [hyperweights]."""
    values, scales = [], []
    raw = SCALE_RANGE * math.atanh(INITIAL_LOG_SCALE / SCALE_RANGE)
    for width in _WIDTHS:
        std = 1 / math.sqrt(width or 1)
        bias = torch.zeros(HYPERWIDTH_OUT)
        bias[ACTIVATION + ATTENTION_IN + LATENT :] = raw
        values += [torch.randn(HYPERWIDTH_OUT * width, generator=rng) * std, bias]
        scales += [torch.full((HYPERWIDTH_OUT * width,), std), torch.full((HYPERWIDTH_OUT,), std)]
    std = READ_OUT_SCALE / math.sqrt(HYPERWIDTH_IN)
    values += [torch.randn(WEIGHT_AND_BIAS * HYPERWIDTH_IN, generator=rng) * std, torch.zeros(WEIGHT_AND_BIAS)]
    scales += [torch.full((WEIGHT_AND_BIAS * (HYPERWIDTH_IN + 1),), std)]
    learned = HYPERDEPTH * LEARNED * graph.weights
    values.append(torch.randn(learned, generator=rng))
    scales.append(torch.ones(learned))
    return torch.cat(values), torch.cat(scales)
