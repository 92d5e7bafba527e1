"""How many bits a program takes, and how many the weights themselves take at the same fidelity."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import torch
from torch import Tensor

from hypergraph.programs.graph import Graph, fidelity
from hypergraph.programs.program import Program

EXPONENT = 5.0
"""Bits of a number's sign and power of ten."""
DIGIT = math.log2(10)
FLAG = 1.0
"""Bits of a pattern that has a name: all sources, each source once, or one that was written before."""
FINER = 1.15
"""Ratio of neighbouring steps of quantisation that are tried."""
FINEST = 1e-9
"""The finest step that is tried."""


def program_bits(program: Program) -> float:
    """The length of a program: its numbers, where they stand, and which sources each neuron prefers."""
    numbers = len(program.used) * (EXPONENT + DIGIT * program.digits)
    return numbers + structure_bits(program)


def structure_bits(program: Program) -> float:
    """The bits of where numbers stand and which sources each neuron prefers, without the numbers themselves."""
    reference = math.log2(2 * len(program.used) + 1)
    total = sum(pattern_bits(program))
    for target in range(1, len(program.biases) + 1):
        for role in program.members(target):
            blocks = [program.biases[target - 1][role]]
            blocks += [program.weights[source, target][role][:, group] for source, group in program.groups(target)]
            total += math.log2(len(role) + 1) + reference * sum(len(block.unique()) for block in blocks)
    return total


def pattern_bits(program: Program) -> list[float]:
    """The bits of which sources the neurons of each layer after the input prefer."""
    known: dict[int, set[frozenset[int]]] = {}
    found = []
    for target in range(1, len(program.biases) + 1):
        total = 0.0
        for role in program.members(target):
            patterns: list[Tensor] = []
            for source, group in program.groups(target):
                block = program.weights[source, target][role][:, group]
                if len(block.unique()) > 1:
                    ordered = target == len(program.biases) or bool(patterns)
                    sets = known.setdefault(source, set())
                    total += FLAG if _repeats(block, patterns) else _pattern_bits(block, group, sets, ordered)
                    patterns.append(block)
        found.append(total)
    return found


def is_regular(program: Program) -> bool:
    """Whether the patterns take less than a bit for each neuron: otherwise neurons might as well prefer random sources.

    In the output layer, whose neurons differ by themselves, it is a bit for each source.
    """
    *hidden, last = pattern_bits(program)
    sources = sum(len(group) for _, group in program.groups(len(program.biases)))
    neurons = map(len, program.roles[1:-1])
    return last <= sources * len(program.roles[-1]) and all(
        bits <= count for bits, count in zip(hidden, neurons, strict=True)
    )


def _repeats(block: Tensor, patterns: list[Tensor]) -> bool:
    """Whether a pattern is one of the role's earlier ones with other numbers."""
    return any(_shape(block) == _shape(other) for other in patterns)


def _shape(block: Tensor) -> list[list[int]]:
    """A pattern with its numbers replaced by the order in which they appear."""
    seen: dict[int, int] = {}
    return [[seen.setdefault(number, len(seen)) for number in row] for row in block.tolist()]


def _pattern_bits(block: Tensor, group: Tensor, known: set[frozenset[int]], ordered: bool) -> float:
    """Bits that say which source has which level at each neuron of a role.

    Args:
        block: references, [neuron, source].
        group: the numbers of the sources in their layer.
        known: sets of sources that are written already; those of this pattern are added.
        ordered: whether the neurons can be told apart by something else, so that their order counts.
    """
    rows = [tuple(row) for row in block.tolist()]
    sets = _sets(rows, group.tolist())
    written = all(found in known for found in sets[:-1])
    known.update(sets)
    if len(rows) == 1 or len(set(rows)) == 1:
        return FLAG if written else min(_arrangements(rows[0]), len(rows[0]) * math.log2(len(set(rows[0]))))
    own = own_sources(block)
    if own is not None and len(set(own)) == len(own):
        chosen = frozenset(group[torch.tensor(own)].tolist())
        everyone = frozenset(group.tolist())
        free = chosen == everyone or chosen in known
        known.update((chosen, everyone - chosen))
        order = _log_factorial(len(own)) if ordered else 0.0
        return order + (FLAG if free else _log_choose(len(everyone), len(own)))
    return _multiset(rows, ordered)


def _multiset(rows: list[tuple[int, ...]], ordered: bool) -> float:
    """Bits of several arrangements of levels: in their order, or as a multiset."""
    each = [_arrangements(row) for row in rows]
    if ordered:
        return sum(each)
    repeats = sum(_log_factorial(count) for count in Counter(rows).values())
    return max(sum(each) - _log_factorial(len(rows)) + repeats, FLAG)


def _sets(rows: list[tuple[int, ...]], group: list[int]) -> list[frozenset[int]]:
    """The sources of each level, where every neuron has the same pattern."""
    if len(set(rows)) > 1:
        return []
    return [
        frozenset(n for n, level in zip(group, rows[0], strict=True) if level == one) for one in sorted(set(rows[0]))
    ]


def own_sources(block: Tensor) -> list[int] | None:
    """The source that each neuron of a role prefers, where all others have one level: positions in the group."""
    if block.shape[1] < 2 or len(block.unique()) != 2:
        return None
    low, high = block.unique().tolist()
    for special in (low, high):
        mask = block == special
        if bool((mask.sum(1) == 1).all()):
            return [int(position) for position in mask.int().argmax(1)]
    return None


def _arrangements(row: tuple[int, ...]) -> float:
    """Bits that tell in which order a neuron's levels stand."""
    return _log_factorial(len(row)) - sum(_log_factorial(count) for count in Counter(row).values())


def _log_factorial(count: int) -> float:
    return math.lgamma(count + 1) / math.log(2)


def _log_choose(count: int, chosen: int) -> float:
    return _log_factorial(count) - _log_factorial(chosen) - _log_factorial(count - chosen)


def raw_bits(graph: Graph, inputs: Tensor, least: float) -> float:
    """Bits of all weights and biases, at the coarsest quantisation whose R² to the graph is at least `least`.

    The step is one share of the root mean square of each tensor. Multiples of it take Elias's gamma code: one bit for
    zero, three for one step up or down, five for two or three.
    """
    outputs, coarse = graph(inputs), 8.0
    for power in itertools.count():
        step = coarse / FINER**power
        weights = {pair: _multiples(weight, step) for pair, weight in graph.weights.items()}
        biases = [_multiples(bias, step) for bias in graph.biases]
        rounded = Graph(
            graph.activations,
            {pair: steps * size for pair, (steps, size) in weights.items()},
            [steps * size for steps, size in biases],
        )
        if fidelity(outputs, rounded(inputs)) >= least or step < FINEST:
            return sum(_gamma(steps) for steps, _ in (*weights.values(), *biases))
    raise AssertionError("every step is finer than the last")


def _multiples(tensor: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Whole numbers of steps, and the size of a step."""
    size = step * tensor.square().mean().sqrt().clamp(min=torch.finfo(tensor.dtype).tiny)
    return (tensor / size).round(), size


def _gamma(steps: Tensor) -> float:
    """The length of whole numbers in Elias's gamma code, in the order 0, 1, -1, 2, -2, …"""
    return float((2 * (2 * steps.abs() + 1).log2().floor() + 1).sum())
