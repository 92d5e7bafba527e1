"""Whether weights drawn at random would do as well as those of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.rng import stream
from hypergraph.weights import MLPWeights, kept_weights

NETWORKS = 20
"""Networks that are drawn."""
AS_GOOD, SHARE = 1.25, 0.25
"""Random weights do as well where this share of the networks has at most that multiple of a network's loss."""


class Redrawn(NamedTuple):
    """Networks whose weights are drawn at random.

    Attributes:
        loss: their mean loss.
        deviation: the standard deviation of their losses.
        as_good: whether a quarter of them have at most 1.25 times the loss of the network.
    """

    loss: float
    deviation: float
    as_good: bool


def redraw(network: MLPWeights, inputs: Tensor, loss: Callable[[Tensor], Tensor], own: float) -> Redrawn:
    """The loss of networks that have only the mean and the spread of each layer's weights and biases.

    Args:
        network: the one whose weights are drawn again, from normal distributions; what its masks remove stays zero.
        inputs: [batch, input].
        loss: of outputs [network, batch, output], one each.
        own: the loss of the network itself.
    """
    rng = stream("explain", "redrawn")

    def drawn(tensor: Tensor, kept: Tensor) -> Tensor:
        values = tensor.detach().double()[kept]
        noise = torch.randn((NETWORKS, *tensor.shape), generator=rng, dtype=torch.float64)
        return torch.where(kept, values.mean() + values.std(correction=0) * noise, 0)

    masks = [kept_weights(network.spec, connection) for connection in network.spec.connections]
    weights = tuple(map(drawn, network.weights, masks))
    biases = tuple(drawn(bias, torch.ones_like(bias, dtype=torch.bool)) for bias in network.biases)
    losses = loss(MLPWeights(network.spec, weights, biases)(inputs)).double()
    return Redrawn(float(losses.mean()), float(losses.std()), float(losses.quantile(SHARE)) <= AS_GOOD * own)
