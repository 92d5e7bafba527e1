"""Order parameters that distinguish the algorithms, over any leading axes of first-layer matrices [..., hidden, input].

α₁ and α₂ are the paper's (section 2.2); its α₃ is in `hypergraph.order_parameters`, for every task. The others are
ours, because α₂ grows with the scale of a network, and α₁ divides by a median that depends on the number of leftover
neurons, so that neither works at every size. All but α₂ are independent of scale, all are independent of the order of
the neurons, and all are finite where the weights are: a denominator of zero, or below rounding beside the strongest
weight, counts as the smallest that is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive

WEAK = 0.1
"""Neurons with weights below this share of the strongest neuron's are not dominated by an input."""
DOMINATED = 4.5
"""An input dominates a neuron if its weight is this many times the root mean square of the neuron's others."""


def double_sidedness(weight: Tensor) -> Tensor:
    """α₁ (equation 5): min_i min(-min_j W_ij, max_j W_ij) / median_ij |W_ij|. [..., hidden, input] -> [...]

    In a closed-form double-sided network the median is 0, and α₁ at least 1e6 in float32. It is 0 for zero weights.
    """
    weaker = torch.minimum(-weight.amin(-2), weight.amax(-2)).amin(-1)
    sizes = weight.abs().flatten(-2)
    resolved = sizes.amax(-1) * torch.finfo(weight.dtype).eps
    return weaker / positive(torch.maximum(_median(sizes), resolved))


def strongest_connection(weight: Tensor) -> Tensor:
    """α₂ (equation 6): max_ij |W_ij|, in units of the weights. [..., hidden, input] -> [...]"""
    return weight.abs().amax((-2, -1))


def assignment(weight: Tensor) -> Tensor:
    """How strongly the median input dominates a hidden neuron of its own. [..., hidden, input] -> [...]

    It is the largest ratio, over neurons, of the input's weight to the root mean square of the neuron's other weights.
    For an even number of inputs it is the lower median, so that more than half of them reach it.
    """
    dominance = _dominance(weight)
    return torch.maximum(-dominance.amin(-2), dominance.amax(-2)).median(-1).values


def two_sided_assignment(weight: Tensor) -> Tensor:
    """As `assignment`, at the weaker of each input's best positive and negative weight."""
    dominance = _dominance(weight)
    return torch.minimum(-dominance.amin(-2), dominance.amax(-2)).median(-1).values


def assigned_share(weight: Tensor) -> Tensor:
    """The share of ‖W‖² in hidden neurons that one input dominates. [..., hidden, input] -> [...]

    Among many random neurons, a few are dominated by chance.
    """
    strength = weight.square().sum(-1)
    dominated = _dominance(weight).abs().amax(-1) >= DOMINATED
    return (strength * dominated).sum(-1) / positive(strength.sum(-1))


def assigned_sign(first: Tensor, second: Tensor) -> Tensor:
    """The sign with which inputs reach the output through their own neurons: 1 or -1 if all share it, 0 if balanced.

    Over the weights W_ij through which an input dominates a neuron, Σ W_ij v_j / Σ |W_ij v_j|.
    [..., hidden, input], [..., 1, hidden] -> [...]
    """
    summed = first * second.mT * (_dominance(first).abs() >= DOMINATED)
    return summed.sum((-2, -1)) / positive(summed.abs().sum((-2, -1)))


def one_signedness(first: Tensor, second: Tensor) -> Tensor:
    """How far the read-out sums the hidden neurons with one sign: 1 if all share it, near 0 if signs are random.

    |Σ_j v_j ‖W_j‖| / Σ_j |v_j| ‖W_j‖, and 0 for zero weights. [..., hidden, input], [..., 1, hidden] -> [...]
    """
    summed = second.squeeze(-2) * first.square().sum(-1).sqrt()
    return summed.sum(-1).abs() / positive(summed.abs().sum(-1))


def _dominance(weight: Tensor) -> Tensor:
    """W_ij over the root mean square of neuron j's weights from other inputs, finite: [..., hidden, input].

    Zero at neurons far weaker than the strongest, whose ratios are noise.
    """
    squares = weight.square()
    strength = squares.sum(-1, keepdim=True)
    share = squares / positive(strength)
    others = (1 - share).clamp(min=torch.finfo(weight.dtype).eps) / max(weight.shape[-1] - 1, 1)
    strong = strength > WEAK**2 * strength.amax(-2, keepdim=True)
    return weight.sign() * (share / others).sqrt() * strong


def _median(values: Tensor) -> Tensor:
    """The median over the last axis; for an even number, the mean of the middle two (torch takes the lower one)."""
    count = values.shape[-1]
    return (values.kthvalue((count + 1) // 2).values + values.kthvalue(count // 2 + 1).values) / 2
