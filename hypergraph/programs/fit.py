"""Fit the numbers of a program to a network: to its outputs, and to what each neuron sends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from hypergraph.programs.fold import Folded
from hypergraph.programs.graph import Graph, unexplained
from hypergraph.programs.levels import Floats
from hypergraph.programs.program import Program

SIGNALS = 0.1
"""Weight of the neurons' signals beside the outputs."""
ITERATIONS = 80
"""Steps of a fit from scratch."""


@dataclass(frozen=True)
class Evidence:
    """What a program has to reproduce, on some inputs.

    Attributes:
        inputs: [batch, input].
        outputs: of the network, [batch, output].
        values: activations of the neurons that the program keeps, centred, by hidden layer; none where only the
            outputs count.
        reach: weights by which they are sent on, by hidden layer: [target, neuron].
        effects: of these neurons, by hidden layer; they sum to 1 over all that are kept.
    """

    inputs: Tensor
    outputs: Tensor
    values: Sequence[Tensor]
    reach: Sequence[Tensor]
    effects: Sequence[Tensor]

    @classmethod
    def of(cls, graph: Graph, folded: Folded, effects: Sequence[Tensor], inputs: Tensor) -> Evidence:
        """The evidence of a network about a program of the neurons that are left."""
        layers = graph.layers(inputs).values
        values = [
            layer[:, kept] - layer[:, kept].mean(0) for layer, kept in zip(layers[1:-1], folded.kept, strict=True)
        ]
        shares = [effect[kept] for effect, kept in zip(effects, folded.kept, strict=True)]
        total = max(sum(float(share.sum()) for share in shares), 1e-12)
        return cls(inputs, layers[-1], values, _reach(folded.graph), [share / total for share in shares])

    def reproduced(self, graph: Graph, layers: Sequence[Tensor]) -> list[Tensor]:
        """The share of each neuron's outgoing signal that a graph of the same neurons reproduces."""
        shares = []
        for own, known, reach, layer in zip(self.values, self.reach, _reach(graph), layers[1:], strict=False):
            other = layer - layer.mean(0)
            size = own.square().sum(0) * known.square().sum(0)
            both = (own * other).sum(0) * (known * reach).sum(0)
            gap = size - 2 * both + other.square().sum(0) * reach.square().sum(0)
            shares.append(1 - gap / size.clamp(min=1e-12))
        return shares

    def misfit(self, graph: Graph) -> Tensor:
        """What a fit makes small: 1 - R², and a tenth of the signals that are missed."""
        layers = graph.layers(self.inputs).values
        shares = self.reproduced(graph, layers)
        missed = [effect @ (1 - share) for effect, share in zip(self.effects, shares, strict=True)]
        return unexplained(self.outputs, layers[-1]) + SIGNALS * sum(missed, torch.zeros((), dtype=torch.float64))


def _reach(graph: Graph) -> list[Tensor]:
    """All weights by which the neurons of each hidden layer are read: [target, neuron]."""
    return [
        torch.cat([graph.weights[layer, target] for target in graph.targets(layer)]) for layer in range(1, graph.last)
    ]


def fit(
    program: Program, evidence: Evidence, iterations: int = ITERATIONS, free: Sequence[int] | None = None
) -> Program:
    """The program with numbers that fit the evidence best, by L-BFGS; only those of the positions `free` move."""
    return replace(program, numbers=descend(program, evidence.misfit, iterations, free))


def descend(
    program: Program, misfit: Callable[[Graph], Tensor], iterations: int, free: Sequence[int] | None = None
) -> Tensor:
    """Numbers of a program that make a misfit of its graph small."""
    moving = list(range(len(program.numbers))) if free is None else list(free)
    if not moving:
        return program.numbers
    start = program.numbers[moving].numpy()

    def value(numbers: Floats) -> tuple[float, Floats]:
        moved = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
        result = misfit(program.graph(program.numbers.index_put((torch.tensor(moving),), moved)))
        (slope,) = torch.autograd.grad(result, moved)
        return float(result.detach()), slope.numpy()

    found = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 20})
    if not np.isfinite(found.x).all():
        return program.numbers
    return program.numbers.index_put((torch.tensor(moving),), torch.from_numpy(found.x))
