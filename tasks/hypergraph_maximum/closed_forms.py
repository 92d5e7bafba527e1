"""Three ways to find the largest of some numbers: a tournament, contrasts, and each number by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.closed_forms import FIT_SAMPLES, one_hidden_layer
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation
from hypergraph_maximum.task import Maximum, normalised_maximum

THRESHOLDS = (-0.5, 0.5, 1.5)
"""The inputs at which the neurons of `one_by_one` begin to rise."""


def tournament() -> MLPWeights:
    """max(a, b) = b + relu(a - b), twice: the largest of four in two rounds. Exact, on a network 4,2,1,1.

    Every hidden neuron is a duel, and skip connections carry the rest: the winners of the first round are
    x_1 + relu(x_0 - x_1) and x_3 + relu(x_2 - x_3), and the second round adds relu of their difference.
    """
    spec = MLPSpec((4, 2, 1, 1), "relu", skips=((0, 2), (0, 3), (1, 3)))
    mean, deviation = Maximum().normalisation(spec)
    weights = {
        (0, 1): torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]]),
        (0, 2): torch.tensor([[0.0, 1, 0, -1]]),
        (1, 2): torch.tensor([[1.0, -1]]),
        (0, 3): torch.tensor([[0.0, 0, 0, 1]]) / deviation,
        (1, 3): torch.tensor([[0.0, 1]]) / deviation,
        (2, 3): torch.tensor([[1.0]]) / deviation,
    }
    biases = (torch.zeros(2), torch.zeros(1), torch.tensor([-mean / deviation]))
    return MLPWeights(spec, tuple(weights[c.source, c.target] for c in spec.connections), biases)


def contrasts(spec: MLPSpec, rng: torch.Generator, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """The mean plus a sum of bent contrasts: the maximum less the mean does not depend on a common shift.

    Two neurons carry the mean; the others have random weights that add up to zero. The read-out is fitted: at 4,16,1
    the loss is mostly 0.11 to 0.13, and 0.21 at worst.

    Args:
        spec: one hidden layer of at least three neurons.
        rng: draws the contrasts.
        dtype: of the network; it is computed in float64.

    Raises:
        SpecError: where `spec` has no room for the algorithm.
    """
    Maximum().check_spec(spec)
    inputs, hidden = one_hidden_layer(spec, fewest=3)
    first = torch.randn(hidden, inputs, generator=rng, dtype=torch.float64)
    first = first - first.mean(1, keepdim=True)
    first[:2] = torch.tensor([[1.0], [-1.0]], dtype=torch.float64) / inputs
    return _fitted(spec, first, first.new_zeros(hidden), dtype)


def one_by_one(spec: MLPSpec, *, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """A sum of functions of single numbers, which approximates the maximum by how many numbers are large.

    Neurons take the inputs in turn, one threshold after another. The read-out is fitted: at 4,16,1 the loss is 0.19.
    Arguments and errors as of `contrasts`, without `rng`.
    """
    Maximum().check_spec(spec)
    inputs, hidden = one_hidden_layer(spec, fewest=spec.sizes[0])
    neurons = torch.arange(hidden)
    first = 2.0 * torch.eye(inputs, dtype=torch.float64)[neurons % inputs]
    thresholds = torch.tensor(THRESHOLDS, dtype=torch.float64)[(neurons // inputs) % len(THRESHOLDS)]
    return _fitted(spec, first, -2.0 * thresholds, dtype)


def _fitted(spec: MLPSpec, first: Tensor, bias: Tensor, dtype: torch.dtype) -> MLPWeights:
    """The read-out that fits the largest number best, by least squares on samples that are always the same."""
    inputs = torch.randn(FIT_SAMPLES, spec.sizes[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers = activation(spec.activation)(inputs @ first.T + bias)
    columns = torch.cat([answers, torch.ones_like(answers[:, :1])], dim=1)
    solution = torch.linalg.lstsq(columns, normalised_maximum(inputs), driver="gelsd").solution
    network = MLPWeights(spec, (first, solution[:-1].mT), (bias, solution[-1]))
    return network.map(lambda tensor: tensor.to(dtype).contiguous())
