"""What a network computes, where that does not depend on the order of its inputs, however it is built.

The program has one or two hidden layers, in which there is a neuron for each input, or two: it compares what belongs to
its own input with the sum of what belongs to the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hypergraph.programs.fit import Evidence, descend
from hypergraph.programs.graph import Graph, Pair, fidelity
from hypergraph.programs.judge import GRADES, Judge
from hypergraph.programs.program import Program
from hypergraph.programs.simplify import rounded, shorten, tolerated
from hypergraph.rng import stream

GRADE = GRADES[0]
"""How good such a program has to be."""
SHAPES = ((1,), (2,), (1, 1))
"""Roles of the hidden layers, the shortest programs first."""
STARTS = 12
"""Starts of a fit, from random numbers of the hidden layers."""
GLANCE, ITERATIONS = 60, 300
"""Steps of the fit from each start, and from the best."""


def find_symmetric(graph: Graph, inputs: Tensor, judge: Judge) -> Program | None:
    """The shortest symmetric program that a network computes, if one is good enough."""
    if inputs.shape[1] < 3 or not graph.activations or not _is_symmetric(judge):
        return None
    evidence = Evidence(inputs, graph(inputs), [], [], [])
    for shape in SHAPES:
        empty = _template(graph, shape)
        starts = [replace(empty, numbers=descend(one, evidence.misfit, GLANCE)) for one in _starts(empty, evidence)]
        best = min(starts, key=lambda program: float(evidence.misfit(program.graph())))
        program = replace(empty, numbers=descend(best, evidence.misfit, ITERATIONS))
        if judge.passes(program.graph(), GRADE):
            least = tolerated(program, judge, GRADE)
            shorter, _ = shorten(program, evidence, judge, least).without_idle()
            return rounded(shorter, evidence, judge, least)
    return None


def _is_symmetric(judge: Judge) -> bool:
    """Whether the order of the inputs matters so little that a symmetric function may be good enough."""
    order = torch.rand(judge.inputs.shape, generator=stream("explain", "order")).argsort(1)
    others = judge.compute(judge.inputs.gather(1, order))
    return (1 + fidelity(judge.outputs, others)) / 2 >= GRADE.fidelity


def _template(graph: Graph, shape: Sequence[int]) -> Program:
    """A program in which each layer reads all earlier ones: a number for what is a neuron's own, one for the rest."""
    inputs, outputs, last = graph.sizes[0], graph.sizes[-1], len(shape) + 1
    numbers, roles = itertools.count(1), [1, *shape]
    weights: dict[Pair, Tensor] = {}
    biases = []
    for target in range(1, last):
        for source in range(target):
            blocks = [[_own(inputs, numbers) for _ in range(roles[source])] for _ in range(roles[target])]
            weights[source, target] = torch.cat([torch.cat(row, 1) for row in blocks])
        biases.append(_new(roles[target], numbers).repeat_interleave(inputs))
    for source in range(last):
        rows = [_new(roles[source], numbers).repeat_interleave(inputs) for _ in range(outputs)]
        weights[source, last] = torch.stack(rows)
    biases.append(_new(outputs, numbers))
    labels = [torch.arange(count).repeat_interleave(inputs) for count in roles]
    count = int(biases[-1][-1])
    names = [graph.activations[min(layer, len(graph.activations) - 1)] for layer in range(len(shape))]
    return Program(names, weights, biases, [*labels, torch.arange(outputs)], torch.zeros(count, dtype=torch.float64))


def _own(inputs: int, numbers: Iterator[int]) -> Tensor:
    """References of neurons that take each source once: [neuron, source]."""
    own, rest = next(numbers), next(numbers)
    return torch.full((inputs, inputs), rest).fill_diagonal_(own)


def _new(count: int, numbers: Iterator[int]) -> Tensor:
    return torch.tensor([next(numbers) for _ in range(count)])


def _starts(program: Program, evidence: Evidence) -> Iterator[Program]:
    """Random numbers in the hidden layers, and those of the output that fit best."""
    rng, inputs = stream("explain", "starts"), evidence.inputs
    last = len(program.biases)
    read = torch.cat([program.weights[source, last] for source in range(last)], 1)
    used, places = read[0].unique(return_inverse=True)
    for _ in range(STARTS):
        numbers = torch.randn(len(program.numbers), generator=rng, dtype=torch.float64)
        for (_, target), references in program.weights.items():
            if target < last:
                own, rest = references.diagonal().unique(), references.unique()
                numbers[rest - 1] /= inputs.shape[1] ** 0.5
                numbers[own - 1] *= 2 * inputs.shape[1] ** 0.5
        layers = program.graph(numbers).layers(inputs).values[:-1]
        sums = torch.zeros(len(inputs), len(used), dtype=torch.float64).index_add_(1, places, torch.cat(layers, 1))
        columns = torch.cat([sums, torch.ones_like(sums[:, :1])], 1)
        solution = torch.linalg.lstsq(columns, evidence.outputs, driver="gelsd").solution
        for row, bias, column in zip(read, program.biases[-1], solution.mT, strict=True):
            numbers[row.unique() - 1], numbers[bias - 1] = column[:-1], column[-1]
        yield replace(program, numbers=numbers)
