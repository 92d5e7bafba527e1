"""One hyperlayer: a linear map over hyperfeatures, then a block of operations for each slice of its result (B.2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.attention import attention
from hypergraph.model.blocks import ACTIVATION, ATTENTION_IN, CHANNEL_IN, COMPUTED, LATENT, LEARNED, NOISE, POSITION
from hypergraph.model.channel import channel
from hypergraph.model.compiled import available, compiled_blocks


class Hyperactivations(NamedTuple):
    """What the blocks of a hyperlayer put out; sides are (encoder, decoder), or only the decoder."""

    computed: Tensor
    """Activations, attention, latents and noise: [member, COMPUTED, side, weight]"""
    learned: Tensor
    """Learned variables, which the encoder side alone receives: [member, LEARNED, weight]"""
    encodings: Tensor
    """Positional encodings, which all members and both sides receive: [3 * POSITION, weight]"""

    def decoder(self) -> Hyperactivations:
        """Those of the decoder side alone."""
        return self._replace(computed=self.computed[:, :, -1:])


class Linear(NamedTuple):
    """A linear map over hyperfeatures: weight [member, out, HYPERWIDTH_IN], bias [member, out, 1]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, hyperactivations: Hyperactivations) -> Tensor:
        """Hyperactivations -> [member, out, side, weight].

        Blocks that are the same for both sides are multiplied once.
        """
        computed, learned, encodings = hyperactivations
        by_computed, by_learned, by_position = self.weight.split((COMPUTED, LEARNED, 3 * POSITION), 2)
        decoder = torch.baddbmm(self.bias, by_position, encodings.expand(len(self.weight), -1, -1))
        sides = [decoder]
        if computed.shape[2] == 2:
            sides.insert(0, torch.baddbmm(decoder, by_learned, learned))
        start = torch.stack(sides, 2)
        return torch.baddbmm(start.flatten(2), by_computed, computed.flatten(2)).view_as(start)


def blocks(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
    """The operations of a hyperlayer on what its linear map gives.

    Args:
        preactivations: [member, HYPERWIDTH_OUT, side, weight], sliced into activation, attention and channel.
        draws: standard normal draws, [member, DRAWS, weight]: noise for each side, and the channel's.
        graph: the computation graph of the target networks.

    Returns:
        the computed part of the hyperactivations [member, COMPUTED, side, weight], and KL in nats [member, weight].
    """
    if available(preactivations):
        return compiled_blocks(preactivations, draws, graph)
    return torch_blocks(preactivations, draws, graph)


def torch_blocks(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
    """:func:`blocks` with torch operators: any device, any precision."""
    activated, projections, distributions = preactivations.split((ACTIVATION, ATTENTION_IN, CHANNEL_IN), 1)
    sides = preactivations.shape[2]
    noise, epsilon = draws.split((2 * NOISE, LATENT), 1)
    latents, kl = channel(distributions, epsilon, encoder=sides == 2)
    results = [
        F.silu(activated),
        attention(projections, graph),
        latents.unsqueeze(2).expand(-1, -1, sides, -1),
        noise.unflatten(1, (NOISE, 2))[:, :, -sides:],
    ]
    return torch.cat(results, 1), kl
