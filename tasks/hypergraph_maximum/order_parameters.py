"""Order parameters that distinguish ways to find a maximum, over any leading axes of first layers [..., hidden, input].

All are independent of scale and of the order of neurons and inputs, and finite where the weights are. Strong neurons
count more.
"""

from __future__ import annotations

from torch import Tensor

from hypergraph.order_parameters import share


def singles(first: Tensor) -> Tensor:
    """The share of the squared weights in the input that each neuron reads most: 1 where it reads no other. -> [...]"""
    squares = first.square()
    return share(squares.amax(-1), squares.sum(-1))


def duels(first: Tensor) -> Tensor:
    """The share in the difference of two inputs that each neuron takes most: 1 where it does nothing else. -> [...]

    A contrast of one against many others has about 1/2.
    """
    largest = (first.amax(-1) - first.amin(-1)).square() / 2
    return share(largest, first.square().sum(-1))


def common(first: Tensor) -> Tensor:
    """How much neurons respond to a shift of all inputs: Σ_j (Σ_i W_ji)² / Σ W². -> [...]

    0 where each neuron's weights add up to zero, 1 at random or where each reads one input, n where each reads their
    mean.
    """
    return share(first.sum(-1).square(), first.square().sum(-1))
