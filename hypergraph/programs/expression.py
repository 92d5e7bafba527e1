"""A program as a sympy expression of its inputs x[0], x[1], … with sums over all inputs or over sets of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from torch import Tensor

from hypergraph.programs.bits import own_sources
from hypergraph.programs.program import Program

X: Any = sympy.IndexedBase("x")
INDEX: Any = sympy.Symbol("i", integer=True)

NAMED = 4
"""Sets of this many inputs and more get a name."""
MOST = 0.75
"""Share of the inputs above which they count as all of them, with exceptions."""


def number(value: float) -> Any:
    """A number of an expression, in which a factor of one is not written."""
    return sympy.Integer(round(value)) if abs(value) == 1 else sympy.Float(value)


@dataclass
class Formula:
    """Expressions of the outputs.

    Attributes:
        inputs: how many there are.
        outputs: one expression each.
        sets: sets of inputs that sums refer to, by name: x[A[i]] is the i-th input of A.
        digits: significant digits of the numbers.
    """

    inputs: int
    digits: int
    outputs: list[Any] = field(default_factory=list)
    sets: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def activations(self) -> list[str]:
        """The names of the functions in the expressions."""
        return sorted({type(call).__name__ for output in self.outputs for call in output.atoms(AppliedUndef)})


def expression(program: Program) -> Formula:
    """Write a program as expressions."""
    graph = program.graph()
    result = Formula(graph.sizes[0], program.digits)
    writer = _Writer(program, result)
    last = graph.last
    result.outputs += [writer.received(last, neuron) for neuron in range(graph.sizes[-1])]
    return result


def role_expressions(program: Program) -> list[list[Formula]]:
    """What the neurons of each role give, by hidden layer; those that prefer an input each are written with its index.

    The index is that of all inputs.
    """
    found = []
    for layer in range(1, len(program.biases)):
        row = []
        for members in program.members(layer):
            written = Formula(len(program.roles[0]), program.digits)
            written.outputs.append(_Writer(program, written).example(layer, members.tolist()))
            row.append(written)
        found.append(row)
    return found


class _Writer:
    """Writes neurons from the output back to the inputs."""

    def __init__(self, program: Program, result: Formula) -> None:
        self._program, self._result = program, result

    def _number(self, reference: int) -> Any:
        if reference == 0:
            return sympy.Integer(0)
        return number(float(self._program.numbers[abs(reference) - 1]) * (1 if reference > 0 else -1))

    def example(self, layer: int, neurons: list[int]) -> Any:
        """What each neuron of a role gives."""
        return self._given(layer, neurons[0], INDEX if self._owned(layer, neurons) else None)

    def _given(self, layer: int, neuron: int, own: Any = None) -> Any:
        """What a hidden neuron gives."""
        received, name = self.received(layer, neuron, own), self._program.activations[layer - 1]
        if name == "identity":
            return received
        return received**2 if name == "square" else sympy.Function(name)(received)

    def received(self, layer: int, neuron: int, own: Any = None) -> Any:
        """What a neuron receives; with `own`, the input that it prefers has this index."""
        total = self._number(int(self._program.biases[layer - 1][neuron]))
        for source, group in self._program.groups(layer):
            row = self._program.weights[source, layer][neuron][group]
            if own is not None and self._differs(layer, neuron, source, group):
                total += self._with_own(source, group, row, own)
                continue
            usual = self._usual(row) if source == 0 else 0
            if usual:
                total += self._number(usual) * self._total(source, group.tolist())
            for reference in row.unique().tolist():
                if reference != usual:
                    difference = self._number(reference) - self._number(usual)
                    total += difference * self._total(source, group[row == reference].tolist())
        return total

    @staticmethod
    def _usual(row: Tensor) -> int:
        """The reference of most inputs, which is written once for all; 0 where there is none."""
        value = int(row.mode().values)
        return value if int((row == value).sum()) > MOST * len(row) and len(row) >= NAMED else 0

    def _differs(self, layer: int, neuron: int, source: int, group: Tensor) -> bool:
        """Whether the neurons of a neuron's role prefer different sources of a group."""
        block = self._program.weights[source, layer][:, group]
        same = self._program.roles[layer] == self._program.roles[layer][neuron]
        return bool((block[same] != block[neuron]).any())

    def _with_own(self, source: int, group: Tensor, row: Tensor, own: Any) -> Any:
        """What a neuron receives that prefers the source at the index `own`."""
        (position,) = own_sources(row[None]) or [0]
        strong = self._number(int(row[position]))
        rest = self._number(int(row[(position + 1) % len(row)]))
        chosen = X[own] if source == 0 else self._given(source, int(group[position]), own)
        return (strong - rest) * chosen + rest * self._total(source, group.tolist())

    def _total(self, layer: int, neurons: list[int]) -> Any:
        """The sum of the activations of some neurons of one role."""
        if layer == 0:
            everyone = len(neurons) == self._result.inputs and len(neurons) > 1
            if not everyone and len(neurons) < NAMED:
                return sum(X[n] for n in neurons)
            return self._sum(X[INDEX if everyone else self._index(neurons)], len(neurons))
        owners = self._owned(layer, neurons)
        if owners is not None:
            everyone = sorted(owners) == list(range(self._result.inputs))
            index = INDEX if everyone else self._index(owners)
            return self._sum(self._given(layer, neurons[0], index), len(neurons))
        terms: dict[Any, int] = {}
        for neuron in neurons:
            term = self._given(layer, neuron)
            terms[term] = terms.get(term, 0) + 1
        return sum(count * term for term, count in terms.items())

    def _owned(self, layer: int, neurons: list[int]) -> list[int] | None:
        """The input that each neuron prefers, where this is all in which they differ."""
        found = None
        for source, group in self._program.groups(layer):
            block = self._program.weights[source, layer][neurons][:, group]
            if bool((block == block[0]).all()):
                continue
            own = own_sources(block)
            known = list(range(len(group))) if source == 0 else self._owned(source, group.tolist())
            if own is None or known is None:
                return None
            owners = [known[position] for position in own]
            if found not in (None, owners):
                return None
            found = owners
        return found if found is not None and len(set(found)) == len(found) > 1 else None

    def _index(self, inputs: list[int]) -> Any:
        """The index of an input of a set, in a sum."""
        return sympy.IndexedBase(self._set(tuple(sorted(inputs))))[INDEX]

    def _set(self, members: tuple[int, ...]) -> str:
        """The name of a set of inputs."""
        for name, known in self._result.sets.items():
            if known == members:
                return name
        name = chr(ord("A") + len(self._result.sets)) if len(self._result.sets) < 26 else f"A{len(self._result.sets)}"
        self._result.sets[name] = members
        return name

    @staticmethod
    def _sum(body: Any, count: int) -> Any:
        return sympy.Sum(body, (INDEX, 0, count - 1))
