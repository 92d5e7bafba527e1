"""The attentional KL hypernetwork (B.2, B.2.1): hyperweights and noise -> weights, biases and KL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import HYPERDEPTH, HYPERWIDTH_IN, HYPERWIDTH_OUT, LEARNED
from hypergraph.model.hyperlayer import Hyperactivations, Linear, first_hyperlayer, hyperlayer
from hypergraph.model.kernel import available, compiled_hypernetwork

WEIGHT_AND_BIAS = 2
LINEAR_SHAPES = [
    (HYPERWIDTH_OUT, 0),  # the first hyperlayer has no input, only a bias
    *[(HYPERWIDTH_OUT, HYPERWIDTH_IN)] * (HYPERDEPTH - 1),
    (WEIGHT_AND_BIAS, HYPERWIDTH_IN),
]
"""Hyperfeatures (out, in) of the linear maps: one per hyperlayer, and the read-out."""

SHARED_HYPERWEIGHTS = sum(out * (width + 1) for out, width in LINEAR_SHAPES)
"""Hyperweights that do not depend on the target network; the learned variables follow them."""


def hyperweight_count(weights: int) -> int:
    """The number of hyperweights, including the learned variables of this many generated weights."""
    return SHARED_HYPERWEIGHTS + HYPERDEPTH * LEARNED * weights


class Generated(NamedTuple):
    """The result of one pass, flat over all weights and biased neurons of the graph."""

    weights: Tensor
    """[member, weight]"""
    biases: Tensor
    """[member, biased neuron]"""
    kl: Tensor
    """In nats, [member, weight]"""


def hypernetwork(
    hyperweights: Tensor,
    draws: Tensor,
    encodings: Tensor,
    graph: ComputationGraph,
    encoder: bool,
    recompute: bool = False,
) -> Generated:
    """Generate the weights of every network of `graph`: compiled on the CPU, else with torch operators.

    Args:
        hyperweights: [member, SHARED_HYPERWEIGHTS], followed by learned variables if the encoder is used.
        draws: standard normal draws, [member, HYPERDEPTH, DRAWS, weight].
        encodings: positional encodings, [3 * POSITION, weight].
        graph: the computation graph of the target networks.
        encoder: whether the encoder is used; without it latents come from the prior and the KL is zero.
        recompute: whether gradients recompute the hyperlayers, which saves memory and takes more time.
    """
    if available(hyperweights, graph):
        return Generated(*compiled_hypernetwork(hyperweights, draws, encodings, graph, encoder, recompute))
    return torch_hypernetwork(hyperweights, draws, encodings, graph, encoder, recompute)


def torch_hypernetwork(
    hyperweights: Tensor,
    draws: Tensor,
    encodings: Tensor,
    graph: ComputationGraph,
    encoder: bool,
    recompute: bool = False,
) -> Generated:
    """`hypernetwork` with torch operators, on any device: the one to read beside Figure 7."""
    run = partial(checkpoint, hyperlayer, use_reentrant=False, preserve_rng_state=False) if recompute else hyperlayer
    (first, *others, read_out), learned = unflatten_hyperweights(hyperweights, graph, encoder)
    computed = first_hyperlayer(first.bias, draws[:, 0], graph, sides=1 + encoder)
    kl = hyperweights.new_zeros(hyperweights.shape[0], graph.weights)
    for depth, linear in enumerate(others):
        hyperactivations = Hyperactivations(computed, learned[:, depth], encodings)
        computed, nats = run(linear, hyperactivations, draws[:, depth + 1], graph)
        kl = kl + nats
    weight, bias = read_out(Hyperactivations(computed, learned[:, -1], encodings).decoder()).squeeze(2).unbind(1)
    return Generated(weight, _mean_over_inputs(bias, graph), kl)


def unflatten_hyperweights(hyperweights: Tensor, graph: ComputationGraph, encoder: bool) -> tuple[list[Linear], Tensor]:
    """The linear maps of the hyperlayers and of the read-out, and the learned variables.

    The learned variables are [member, HYPERDEPTH, LEARNED, weight]; zero where the encoder is ignored.
    """
    members = hyperweights.shape[0]
    sizes = [size for out, width in LINEAR_SHAPES for size in (out * width, out)]
    parts = hyperweights[:, :SHARED_HYPERWEIGHTS].split(sizes, 1)
    linears = [
        Linear(weight.view(members, out, width), bias.unsqueeze(2))
        for (out, width), weight, bias in zip(LINEAR_SHAPES, parts[::2], parts[1::2], strict=True)
    ]
    shape = members, HYPERDEPTH, LEARNED, graph.weights
    if not encoder:
        return linears, hyperweights.new_zeros(1).expand(shape)
    return linears, hyperweights[:, SHARED_HYPERWEIGHTS:].view(shape)


def flatten_hyperweights(linears: Sequence[Linear], learned: Tensor) -> Tensor:
    """The inverse of `unflatten_hyperweights`: [member, hyperweight]."""
    return torch.cat([part.flatten(1) for part in chain(*linears, [learned])], 1)


def deal_learned(origins: Tensor) -> Tensor:
    """The order of hyperweights, int64 [hyperweight], that gives weight n the learned variables of `origins[n]`."""
    rows = SHARED_HYPERWEIGHTS + torch.arange(HYPERDEPTH * LEARNED).unsqueeze(1) * len(origins)
    return torch.cat([torch.arange(SHARED_HYPERWEIGHTS), (rows + origins).flatten()])


def _mean_over_inputs(values: Tensor, graph: ComputationGraph) -> Tensor:
    """Average over the weights that enter each neuron: [member, weight] -> [member, biased neuron]."""
    return (sum_groups(values, graph.target, len(graph.incoming)) / graph.incoming)[:, graph.biased]


def sum_groups(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Add up the values of each group: [member, n] and int64 [n] -> [member, count].

    On a GPU, `index_add` adds in an order that differs from time to time, and so do the bits.
    """
    if values.device.type == "cpu":
        return values.new_zeros(len(values), count).index_add(1, groups, values)
    return sum_sorted(values, groups, count)


def sum_sorted(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """`sum_groups` where torch sorts the groups first, and adds in that order."""
    return values.new_zeros(count, len(values)).index_put((groups,), values.mT, accumulate=True).mT
