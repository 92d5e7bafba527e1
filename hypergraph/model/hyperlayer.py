"""One hyperlayer: a linear map over hyperfeatures, then blocks that each process a slice of its result (B.2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.attention import attention, uniform_attention
from hypergraph.model.channel import channel
from hypergraph.model.dimensions import ACTIVATION, ATTENTION_IN, CHANNEL_IN, COMPUTED, LATENT, LEARNED, NOISE, POSITION


class Hyperactivations(NamedTuple):
    """The output of the blocks of a hyperlayer; sides are (encoder, decoder), or the decoder alone."""

    computed: Tensor
    """Activations, attention, latents and noise: [member, COMPUTED, side, weight]"""
    learned: Tensor
    """Learned variables, for the encoder side alone: [member, LEARNED, weight]"""
    encodings: Tensor
    """Positional encodings, shared by all members and both sides: [3 * POSITION, weight]"""

    def decoder(self) -> Hyperactivations:
        """The decoder side alone."""
        return self._replace(computed=self.computed[:, :, -1:])


class Linear(NamedTuple):
    """A linear map over hyperfeatures: weight [member, out, HYPERWIDTH_IN], bias [member, out, 1]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, hyperactivations: Hyperactivations) -> Tensor:
        """Hyperactivations -> [member, out, side, weight]."""
        result: Tensor = _Product.apply(*self, *hyperactivations)  # type: ignore[no-untyped-call]
        return result


class _Product(torch.autograd.Function):
    """The product of a linear map, which multiplies blocks that both sides share only once.

    With autograd, joining and splitting the two sides took a fifth of a training step at 400,000 weights.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, computed: Tensor, learned: Tensor, encodings: Tensor) -> Tensor:
        ctx.save_for_backward(weight, computed, learned, encodings)
        for_computed, for_learned, for_position = weight.split((COMPUTED, LEARNED, 3 * POSITION), 2)
        result = computed.new_empty(*weight.shape[:2], *computed.shape[2:])
        encoder, decoder = result[:, :, 0], result[:, :, -1]
        torch.baddbmm(bias, for_position, encodings.expand(len(weight), -1, -1), out=decoder)
        if computed.shape[2] == 2:
            torch.baddbmm(decoder, for_learned, learned, out=encoder)
        result.flatten(2).baddbmm_(for_computed, computed.flatten(2))
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, computed, learned, encodings = ctx.saved_tensors
        for_computed, for_learned, _ = weight.split((COMPUTED, LEARNED, 3 * POSITION), 2)
        shared, encoder = grad.sum(2), grad[:, :, 0] if computed.shape[2] == 2 else None
        read = [
            computed.flatten(2) @ grad.flatten(2).mT,  # its transpose takes 1.4 times as long
            torch.zeros_like(for_learned.mT) if encoder is None else learned @ encoder.mT,
            encodings @ shared.mT,
        ]
        grad_weight, grad_bias = torch.cat(read, 1).mT, shared.sum(2, keepdim=True)
        grad_computed = (for_computed.mT @ grad.flatten(2)).view_as(computed)
        grad_learned = None if encoder is None else for_learned.mT @ encoder
        return grad_weight, grad_bias, grad_computed, grad_learned, None


def hyperlayer(
    linear: Linear, hyperactivations: Hyperactivations, draws: Tensor, graph: ComputationGraph
) -> tuple[Tensor, Tensor]:
    """A hyperlayer after the first: the linear map, then the blocks. Draws, graph and results as in `blocks`."""
    return blocks(linear(hyperactivations), draws, graph)


def first_hyperlayer(bias: Tensor, draws: Tensor, graph: ComputationGraph, sides: int) -> Tensor:
    """The blocks of the first hyperlayer, which has no input: all weights and both sides have the same preactivations.

    Posterior and prior are therefore equal, and the KL is zero.

    Args:
        bias: of the first linear map, [member, HYPERWIDTH_OUT, 1].
        draws: as in `blocks`.
        graph: the computation graph of the target networks.
        sides: 2 with the encoder, or 1.

    Returns:
        Computed hyperactivations [member, COMPUTED, side, weight].
    """
    activated, projections, distributions = bias.split((ACTIVATION, ATTENTION_IN, CHANNEL_IN), 1)
    noise, epsilon = draws.split((2 * NOISE, LATENT), 1)
    latents, _ = channel(distributions.unsqueeze(3), epsilon, encoder=False)
    shared = [F.silu(activated).expand(-1, -1, graph.weights), uniform_attention(projections, graph), latents]
    on_each_side = torch.cat(shared, 1).unsqueeze(2).expand(-1, -1, sides, -1)
    return torch.cat([on_each_side, noise.unflatten(1, (NOISE, 2))[:, :, -sides:]], 1)


def blocks(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
    """Activation, attention, channel and noise: the blocks of a hyperlayer after its linear map.

    Args:
        preactivations: [member, HYPERWIDTH_OUT, side, weight], sliced into activation, attention and channel.
        draws: standard normal draws, [member, DRAWS, weight]: noise for each side, then the channel's sample.
        graph: the computation graph of the target networks.

    Returns:
        Computed hyperactivations [member, COMPUTED, side, weight], and KL in nats [member, weight].
    """
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
