"""Order parameters of ways to add modulo p, over any leading axes of networks with one hidden layer.

All are independent of the order of hidden neurons. Neuron k reads a with the waves of weights U_k and b with those of
V_k, and gives to the answers c the wave of weights W_k. Its frequency is the one with the most power in U_k and V_k.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.order_parameters import positive, share
from hypergraph.weights import MLPWeights, activation

ROUNDING = 0.01
"""Deviations among right answers' logits that do not count, as a share of that of all logits."""


class Waves(NamedTuple):
    """Every neuron's waves at its frequency.

    Attributes:
        frequency: in turns of p, from 1 to (p - 1) / 2, [..., hidden].
        purity: the power at this frequency, and at all, of U_k and V_k without their means, [..., hidden] each.
        a: amplitude and phase of U_k as a complex number, [..., hidden].
        b: the same of V_k.
        c: the same of W_k.
    """

    frequency: Tensor
    purity: tuple[Tensor, Tensor]
    a: Tensor
    b: Tensor
    c: Tensor

    @classmethod
    def of(cls, weights: MLPWeights) -> Waves:
        """The waves of networks [...] with one hidden layer."""
        first, second = weights.weights
        a, b = (_spectrum(part) for part in first.chunk(2, -1))
        power = a.abs().square() + b.abs().square()
        strongest = power.nan_to_num().argmax(-1, keepdim=True)
        at = (spectrum.gather(-1, strongest).squeeze(-1) for spectrum in (power, a, b, _spectrum(second.mT)))
        own, *parts = at
        return cls(strongest.squeeze(-1) + 1, (own, power.sum(-1)), *parts)

    @property
    def strength(self) -> Tensor:
        """How much each neuron adds to the right answer at best: the product of its amplitudes, [..., hidden]."""
        return self.a.abs() * self.b.abs() * self.c.abs()


def _spectrum(weights: Tensor) -> Tensor:
    """The amplitudes and phases of waves over the last axis, [..., p] -> [..., (p - 1) / 2], without the mean."""
    waves: Tensor = torch.fft.rfft(weights, dim=-1)
    return waves[..., 1:]


def purity(waves: Waves) -> Tensor:
    """The share of Fourier power of U and V at each neuron's own frequency: 1 where each has one. -> [...]"""
    return share(*waves.purity)


def agreement(waves: Waves) -> Tensor:
    """How far neurons add to the right answer: 1 where the phase of each W_k is that of U_k plus that of V_k. -> [...]

    0 at random, -1 where all speak against it.
    """
    added = (waves.a * waves.b * waves.c.conj()).real
    return share(added, waves.strength)


def coherence(waves: Waves, p: int) -> Tensor:
    """How equal the phases of U_k and V_k differ among the neurons of one frequency. -> [...]

    1 where a frequency's neurons all have the same difference: the answer is then weighed by 1 + cos of a - b, the
    pizza. 0 where the differences cancel: the clock.
    """
    turned = waves.a * waves.b.conj() * waves.c.abs()
    rows = F.one_hot(waves.frequency, (p + 1) // 2).to(turned)
    together = (turned.unsqueeze(-2) @ rows).squeeze(-2).abs()
    return together.sum(-1) / positive(waves.strength.sum(-1))


def all_pairs(p: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs of numbers, a slowest: inputs [p², 2p] of the dtype and device of `like`, and sums [p²]."""
    numbers = torch.cartesian_prod(*[torch.arange(p, device=like.device)] * 2)
    return F.one_hot(numbers, p).flatten(1).to(like), numbers.sum(1) % p


def accuracy(logits: Tensor, sums: Tensor) -> Tensor:
    """The share of pairs whose largest logit is the right one: [..., p², p] -> [...]"""
    return (logits.argmax(-1) == sums).to(logits).mean(-1)


def distance_irrelevance(logits: Tensor, sums: Tensor) -> Tensor:
    """Zhong et al. (2023): how little the right answer's logit depends on a - b. [..., p², p] -> [...]

    The mean standard deviation among pairs of the same difference, over that of all pairs: small for a pizza, whose
    logits depend on the difference. One percent of the deviation of all logits is added to both, so that it is 1 where
    the right answers' logits are all equal.
    """
    p = logits.shape[-1]
    right = logits.gather(-1, sums.expand(logits.shape[:-1]).unsqueeze(-1)).unflatten(-2, (p, p)).squeeze(-1)
    by_difference = torch.stack([right.roll(n, -1).diagonal(0, -2, -1) for n in range(p)], -2)
    within, total = by_difference.std(-1, correction=0).mean(-1), right.flatten(-2).std(-1, correction=0)
    little = positive(ROUNDING * logits.flatten(-2).std(-1, correction=0))
    ratio: Tensor = (within + little) / (total + little)
    return ratio


def gradient_symmetry(weights: MLPWeights, inputs: Tensor, sums: Tensor) -> Tensor:
    """Zhong et al. (2023): how alike a and b move the right answer's logit. -> [...]

    The mean cosine of its gradients by the one-hot a and by the one-hot b: 1 where U = V, about 0 for a clock.
    """
    first, second = weights.weights
    received = weights.layers(inputs).sums[1].detach()
    with torch.enable_grad():
        answers = activation(weights.spec.activations[0])(received.requires_grad_())
    (slopes,) = torch.autograd.grad(answers.sum(), received)
    by_neuron = slopes * second[..., sums, :]
    by_a, by_b = (by_neuron @ part for part in first.chunk(2, -1))
    return F.cosine_similarity(by_a, by_b, -1).mean(-1)
