"""One hyperlayer: a linear map over hyperfeatures, then a block of operations for each slice of its result (B.2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.attention import attention
from hypergraph.model.blocks import (
    ACTIVATION,
    ATTENTION_IN,
    CHANNEL_IN,
    HYPERWIDTH_IN,
    HYPERWIDTH_OUT,
    LATENT,
    LEARNED,
    NOISE,
)
from hypergraph.model.channel import channel


class Linear(NamedTuple):
    """A linear map over hyperfeatures: weight [member, out, in], bias [member, out, 1]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, hyperactivations: Tensor) -> Tensor:
        """[member, in, side, weight] -> [member, out, side, weight]."""
        flat = torch.baddbmm(self.bias, self.weight, hyperactivations.flatten(2))
        return flat.unflatten(2, hyperactivations.shape[2:])


def hyperlayer(
    linear: Linear,
    hyperactivations: Tensor,
    learned: Tensor,
    draws: Tensor,
    encodings: Tensor,
    graph: ComputationGraph,
) -> tuple[Tensor, Tensor]:
    """Apply one hyperlayer.

    Args:
        linear: the hyperlayer's linear map.
        hyperactivations: [member, HYPERWIDTH_IN, side, weight]; sides (encoder, decoder), or only the decoder.
        learned: the encoder's learned variables of this hyperlayer, [member, LEARNED, weight].
        draws: standard normal draws, [member, DRAWS, weight].
        encodings: positional encodings, [3 * POSITION, weight].
        graph: the computation graph of the target network.

    Returns:
        the next hyperactivations, shaped as these, and KL in nats [member, weight].
    """
    activated, projected, distributions = linear(hyperactivations).split((ACTIVATION, ATTENTION_IN, CHANNEL_IN), 1)
    members, _, sides, weights = activated.shape
    noise, epsilon = draws.split((2 * NOISE, LATENT), 1)
    latents, kl = channel(distributions, epsilon, encoder=sides == 2)
    blocks = [
        F.silu(activated),
        attention(projected, graph),
        latents.unsqueeze(2).expand(-1, -1, sides, -1),
        noise.unflatten(1, (NOISE, 2))[:, :, -sides:],
        torch.stack([learned, torch.zeros_like(learned)], 2)[:, :, -sides:],
        encodings.unsqueeze(1).expand(members, -1, sides, -1),
    ]
    return torch.cat(blocks, 1), kl
