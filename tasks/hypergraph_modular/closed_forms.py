"""Two ways to add modulo p with one hidden layer of squares: the clock and the pizza.

Neuron k squares a sum of two waves of a frequency w = 2πσ/p: (cos(wa + φ) + cos(wb + ψ))². The square holds
cos(wa + wb + φ + ψ), which the answer c reads with cos(wc + φ + ψ): what adds up over neurons is cos(w(a + b - c)),
largest at the right c. Everything else that a square holds turns with the phases, and cancels over neurons whose phases
are spread evenly (Gromov 2023 draws them at random, so it cancels in the limit of many neurons).

One part need not cancel: cos(w(a - b) + φ - ψ) times the rest. With φ = ψ in every neuron, the answer is weighed by
1 + cos(w(a - b)): this is the pizza of Zhong, Liu, Tegmark and Andreas (2023), with squares in place of absolute
values. Three neurons a frequency do. The clock of Nanda et al. (2023), a plain product of waves, takes six: three with
φ = ψ and three with φ = ψ + π, a pizza less the pizza turned by half a circle.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypergraph.closed_forms import one_hidden_layer
from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_modular.order_parameters import all_pairs
from hypergraph_modular.task import DOUBT, Modular

HALVINGS = 60
"""Steps of the search for the size of the logits: more than double precision needs."""
LARGEST = 50.0
"""The largest size of logits that is tried, in units of the waves' sum."""


def clock(spec: MLPSpec, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Σ over frequencies of cos(w(a + b - c)), with six neurons for each frequency that there is room for.

    Args:
        spec: one hidden layer of at least six squares; those that are left over are unused.
        rng: draws the frequencies, and for each where its phases begin.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm, or another activation.
    """
    turns = torch.arange(6, dtype=torch.float64) / 6
    return _cosines(spec, rng, turns, 4 * turns, own_start=True, dtype=dtype)


def pizza(spec: MLPSpec, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Σ over frequencies of (1 + cos(w(a - b))) cos(w(a + b - c)), with three neurons for each frequency.

    Arguments and errors as of `clock`, but three neurons are enough.
    """
    turns = torch.arange(3, dtype=torch.float64) / 3
    return _cosines(spec, rng, turns, turns, own_start=False, dtype=dtype)


def random_phases(spec: MLPSpec, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """Gromov (2023): a frequency and two phases at random for every neuron, a clock up to noise.

    Arguments and errors as of `clock`, but every width has room. All neurons are used.
    """
    p, hidden = _check(spec, 1)
    frequencies = torch.randint(1, (p + 1) // 2, (hidden,), generator=rng)
    phases = 2 * math.pi * torch.rand(2, hidden, generator=rng, dtype=torch.float64)
    return _network(spec, frequencies, phases, dtype)


def _cosines(
    spec: MLPSpec, rng: torch.Generator, a: Tensor, b: Tensor, *, own_start: bool, dtype: torch.dtype
) -> MLPWeights:
    """As many frequencies as fit, each with neurons of phases `a` and `b` in turns, from random starts.

    `own_start` starts the phases of a and of b at different places.
    """
    p, hidden = _check(spec, len(a))
    count = min(hidden // len(a), (p - 1) // 2)
    frequencies = 1 + torch.randperm((p - 1) // 2, generator=rng)[:count]
    starts = torch.rand(2, count, 1, generator=rng, dtype=torch.float64)
    both = starts if own_start else starts[:1]
    phases = 2 * math.pi * (both + torch.stack([a, b])[:, None]).flatten(1)
    return _network(spec, frequencies.repeat_interleave(len(a)), phases, dtype)


def _network(spec: MLPSpec, frequencies: Tensor, phases: Tensor, dtype: torch.dtype) -> MLPWeights:
    """Neurons of frequencies [neuron] and phases of a and b [2, neuron], with the best size of the logits."""
    p, hidden = spec.sizes[-1], spec.sizes[1]
    used = len(frequencies)
    angles = 2 * math.pi / p * frequencies[:, None] * torch.arange(p, dtype=torch.float64)
    first = torch.zeros(hidden, 2 * p, dtype=torch.float64)
    first[:used] = (angles.repeat(2, 1, 1) + phases[..., None]).cos().transpose(0, 1).flatten(1)
    second = torch.zeros(p, hidden, dtype=torch.float64)
    second[:, :used] = (angles + phases.sum(0)[:, None]).cos().mT
    biases = first.new_zeros(hidden), first.new_zeros(p)
    waves = MLPWeights(spec, (first, second), biases)
    inputs, sums = all_pairs(p, first)
    second *= _best_size(waves(inputs), sums)
    return waves.map(lambda tensor: tensor.to(dtype))


def _best_size(logits: Tensor, sums: Tensor) -> float:
    """The factor of logits [p², p] of the lowest cross-entropy, which is convex in it: by halving."""
    p = logits.shape[-1]
    targets = torch.full_like(logits, DOUBT / (p - 1))
    targets[range(len(sums)), sums] = 1 - DOUBT
    low, high = 0.0, LARGEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        rising = ((middle * logits).softmax(-1) - targets) * logits
        low, high = (low, middle) if rising.sum() > 0 else (middle, high)
    return low


def _check(spec: MLPSpec, fewest: int) -> tuple[int, int]:
    """The modulus and the hidden neurons of a spec that has room for an algorithm. Raises SpecError."""
    p = spec.sizes[-1]
    Modular(Modular.Options(p)).check_spec(spec)
    _, hidden = one_hidden_layer(spec, fewest)
    if spec.activation != "square":
        raise SpecError(f"the closed forms are of squares, not of {spec.activation!r}")
    return p, hidden
