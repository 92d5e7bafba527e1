"""What tells the algorithms apart, over any leading axes of first-layer matrices [..., hidden, input].

α₁ and α₂ are the paper's (section 2.2), as is α₃, which :mod:`hypergraph.order_parameters` has for every task. Those
after them are ours: α₂ grows with the scale of a network and α₁ divides by a median that depends on how many hidden
neurons are left over, so neither holds at every size; these do.
All but α₂ are free of scale, none depends on the order of the neurons, and all are finite where the weights are: a
denominator that is zero, or lost to rounding beside the strongest weight, counts as the least that is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive

WEAK = 0.1
"""A neuron whose weights are weaker than this, beside the strongest neuron's, has no say in who dominates whom."""
DOMINATED = 4.5
"""An input dominates a neuron from this weight on, over the root mean square of the neuron's others."""


def double_sidedness(weight: Tensor) -> Tensor:
    """α₁ (equation 5): min_i min(-min_j W_ij, max_j W_ij) / median_ij |W_ij|. [..., hidden, input] -> [...]

    The median is 0 in a closed-form double-sided network: 1e6 and more in float32. Zeros have 0.
    """
    weaker = torch.minimum(-weight.amin(-2), weight.amax(-2)).amin(-1)
    sizes = weight.abs().flatten(-2)
    resolved = sizes.amax(-1) * torch.finfo(weight.dtype).eps
    return weaker / positive(torch.maximum(_median(sizes), resolved))


def strongest_connection(weight: Tensor) -> Tensor:
    """α₂ (equation 6): max_ij |W_ij|, in units of the weights. [..., hidden, input] -> [...]"""
    return weight.abs().amax((-2, -1))


def assignment(weight: Tensor) -> Tensor:
    """How far the median input dominates a hidden neuron of its own. [..., hidden, input] -> [...]

    An input's weight to a neuron, over the root mean square of that neuron's other weights, at the neuron where this
    is largest. Of an even number of inputs the lower median: more than half of them reach it.
    """
    dominance = _dominance(weight)
    return torch.maximum(-dominance.amin(-2), dominance.amax(-2)).median(-1).values


def two_sided_assignment(weight: Tensor) -> Tensor:
    """As :func:`assignment`, at the weaker of each input's best positive and negative weight."""
    dominance = _dominance(weight)
    return torch.minimum(-dominance.amin(-2), dominance.amax(-2)).median(-1).values


def assigned_share(weight: Tensor) -> Tensor:
    """The share of ‖W‖² that belongs to hidden neurons which one input dominates. [..., hidden, input] -> [...]

    Of many random neurons some are dominated by chance, but they are few.
    """
    strength = weight.square().sum(-1)
    dominated = _dominance(weight).abs().amax(-1) >= DOMINATED
    return (strength * dominated).sum(-1) / positive(strength.sum(-1))


def assigned_sign(first: Tensor, second: Tensor) -> Tensor:
    """Towards which side inputs have hidden neurons of their own: 1 or -1 if all towards one, 0 if as many either way.

    Over the weights W_ij through which an input dominates a neuron, Σ W_ij v_j / Σ |W_ij v_j|.
    [..., hidden, input], [..., 1, hidden] -> [...]
    """
    summed = first * second.mT * (_dominance(first).abs() >= DOMINATED)
    return summed.sum((-2, -1)) / positive(summed.abs().sum((-2, -1)))


def one_signedness(first: Tensor, second: Tensor) -> Tensor:
    """How far the read-out sums the hidden neurons with one sign: 1 if all share it, near 0 if it is drawn at random.

    |Σ_j v_j ‖W_j‖| / Σ_j |v_j| ‖W_j‖, and 0 where nothing is summed. [..., hidden, input], [..., 1, hidden] -> [...]
    """
    summed = second.squeeze(-2) * first.square().sum(-1).sqrt()
    return summed.sum(-1).abs() / positive(summed.abs().sum(-1))


def _dominance(weight: Tensor) -> Tensor:
    """W_ij over the root mean square of neuron j's weights from other inputs, finite: [..., hidden, input].

    Zero at neurons far weaker than the strongest: what is nearly nothing may look like anything.
    """
    squares = weight.square()
    strength = squares.sum(-1, keepdim=True)
    share = squares / positive(strength)
    others = (1 - share).clamp(min=torch.finfo(weight.dtype).eps) / max(weight.shape[-1] - 1, 1)
    strong = strength > WEAK**2 * strength.amax(-2, keepdim=True)
    return weight.sign() * (share / others).sqrt() * strong


def _median(values: Tensor) -> Tensor:
    """Over the last axis, the mean of the middle two where their number is even (torch's own takes the lower)."""
    count = values.shape[-1]
    return (values.kthvalue((count + 1) // 2).values + values.kthvalue(count // 2 + 1).values) / 2
