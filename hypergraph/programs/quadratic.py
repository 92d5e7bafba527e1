"""What a network computes, where that is a quadratic form of few terms, however it is built."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from hypergraph.errors import UsageError
from hypergraph.programs.bits import DIGIT, EXPONENT
from hypergraph.programs.expression import INDEX, Formula, X, number
from hypergraph.programs.graph import Graph
from hypergraph.programs.judge import Grade, Judge
from hypergraph.programs.levels import segment
from hypergraph.programs.simplify import MOST_DIGITS
from hypergraph.spec import MLPSpec
from hypergraph.weights import activation

GRADE = Grade(0.98, 1.1)
"""How good a quadratic form has to be."""
NEURON = 0.8
"""R² of the quadratic form of nearly every neuron: otherwise the network is built of something else."""
OTHERS = 0.1
"""Share that all neurons without such a form may have in the output's variation."""
TOLERANCES = (0.3, 0.1, 0.03, 0.01)
"""Squared errors that tying coefficients may leave, relative to their sizes."""
STEP = 3e-4
"""Sums of the neurons that square: so small that their activation is a parabola."""

NEGLIGIBLE_BEND = 1e-3
"""Second derivatives below this make no parabola."""

LARGEST_BEND = 1e3
"""A kink makes no parabola either, but a second difference above this."""

SINGULAR = 1e-9
"""Directions of relatively smaller weight are none."""

Term = tuple[int, ...]
"""The inputs that are multiplied: none, one or two."""


@dataclass(frozen=True)
class Quadratic:
    """Sums of products of at most two inputs.

    Attributes:
        terms: the products.
        references: of their coefficients in each output, [output, term]: 0 for zero, k for the k-th number, -k for its
            negative.
        numbers: what the references mean.
        digits: significant digits of each number.
        inputs: how many there are.
    """

    terms: Sequence[Term]
    references: Tensor
    numbers: Tensor
    inputs: int
    digits: int = 15

    def __call__(self, inputs: Tensor) -> Tensor:
        return products(inputs, self.terms) @ self._coefficients().mT

    def _coefficients(self) -> Tensor:
        if not len(self.numbers):
            return torch.zeros(self.references.shape, dtype=torch.float64)
        return self.numbers[self.references.abs().clamp(min=1) - 1] * self.references.sign()

    def bits(self) -> float:
        """The length: the numbers, and which of the terms of each degree have which."""
        total = len(self.numbers) * (EXPONENT + DIGIT * self.digits)
        for row, degree in itertools.product(self.references, range(3)):
            same = torch.tensor([_kind(term) == degree for term in self.terms])
            counts = row[same].unique(return_counts=True)[1].tolist()
            total += math.log2(math.factorial(sum(counts))) - sum(math.log2(math.factorial(n)) for n in counts)
            total += len(counts) * math.log2(2 * len(self.numbers) + 1)
        return total

    def expression(self) -> Formula:
        """The outputs as expressions."""
        outputs = [
            sympy.Add(*(self._level(row, one) for one in row.unique().tolist() if one)) for row in self.references
        ]
        return Formula(self.inputs, self.digits, outputs)

    def _level(self, row: Tensor, reference: int) -> Any:
        """All terms of one coefficient."""
        factor = number(float(self.numbers[abs(reference) - 1]) * (1 if reference > 0 else -1))
        chosen = [term for term, one in zip(self.terms, row.tolist(), strict=True) if one == reference]
        total: Any = sympy.Integer(0)
        for power in (1, 2):
            powers = [term for term in chosen if term == (term[:1] * power) and term]
            if len(powers) == self.inputs > 1:
                total += sympy.Sum(X[INDEX] ** power, (INDEX, 0, self.inputs - 1))
                chosen = [term for term in chosen if term not in powers]
        total += sympy.Add(*(sympy.Mul(*(X[n] for n in term)) for term in chosen))
        return sympy.Mul(factor, total, evaluate=False)

    def graph(self, spec: MLPSpec) -> Graph:
        """Neurons that square in the first hidden layer that can, two for each direction of each output.

        Raises:
            UsageError: no activation has a parabola at zero.
        """
        bends = {layer: bend for layer, name in enumerate(spec.activations, 1) if (bend := _bend(name))}
        if not bends:
            names = " and ".join(sorted(set(spec.activations))) or "no hidden layer"
            raise UsageError(f"{spec} with {names} has no neurons that square, so it has no such network")
        layer, bend = next(iter(bends.items()))
        centre = float(activation(spec.activations[layer - 1])(torch.zeros((), dtype=torch.float64)))
        constant, linear, forms = _forms(self.terms, self._coefficients(), self.inputs)
        directions, sends = _directions(forms)
        last, both = len(spec.sizes) - 1, torch.cat([directions, -directions])
        sends = torch.cat([sends, sends], 1) / (bend * STEP**2)
        biases = [torch.zeros(len(both) if n == layer else 0, dtype=torch.float64) for n in range(1, last)]
        biases.append(constant - centre * sends.sum(1))
        sizes = [self.inputs, *map(len, biases)]
        weights = {(n, n + 1): torch.zeros(sizes[n + 1], sizes[n], dtype=torch.float64) for n in range(last)}
        weights |= {(0, layer): STEP * both, (layer, last): sends}
        if bool(linear.any()):
            weights[0, last] = linear
        return Graph(spec.activations, weights, biases)


def _bend(name: str) -> float:
    """The second derivative of an activation at zero; 0 where there is no parabola."""
    ends = torch.tensor([-STEP, 0, STEP], dtype=torch.float64)
    low, centre, high = activation(name)(ends).tolist()
    bend = (low - 2 * centre + high) / STEP**2
    return bend if NEGLIGIBLE_BEND <= abs(bend) <= LARGEST_BEND else 0.0


def _directions(forms: Tensor) -> tuple[Tensor, Tensor]:
    """Directions [direction, input] whose squares sum to the forms, and their shares in each output."""
    values, vectors = torch.linalg.eigh(forms)
    used = values.abs() > SINGULAR * values.abs().max()
    outputs = used.nonzero()[:, 0]
    shares = torch.zeros(len(forms), len(outputs), dtype=torch.float64)
    shares[outputs, torch.arange(len(outputs))] = values[used]
    return vectors.mT[used], shares


def _kind(term: Term) -> int:
    """0 for constants and single inputs, 1 for squares, 2 for products of two inputs."""
    return 0 if len(term) < 2 else 1 if term[0] == term[1] else 2


def _forms(terms: Sequence[Term], coefficients: Tensor, inputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Constants [output], lines [output, input] and symmetric matrices [output, input, input]."""
    outputs = len(coefficients)
    constant, linear = torch.zeros(outputs, dtype=torch.float64), torch.zeros(outputs, inputs, dtype=torch.float64)
    forms = torch.zeros(outputs, inputs, inputs, dtype=torch.float64)
    for term, column in zip(terms, coefficients.mT, strict=True):
        if not term:
            constant += column
        elif len(term) == 1:
            linear[:, term[0]] += column
        else:
            forms[:, term[0], term[1]] += column / 2
            forms[:, term[1], term[0]] += column / 2
    return constant, linear, forms


def all_terms(inputs: int) -> list[Term]:
    """Every product of at most two inputs."""
    return [term for size in range(3) for term in itertools.combinations_with_replacement(range(inputs), size)]


def products(inputs: Tensor, terms: Sequence[Term]) -> Tensor:
    """The products of inputs [batch, input]: [batch, term]."""
    padded, one = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1), inputs.shape[1]
    first, second = zip(*((*term, one, one)[:2] for term in terms), strict=True)
    return padded[:, list(first)] * padded[:, list(second)]


def find_quadratic(graph: Graph, inputs: Tensor, judge: Judge, effects: Sequence[Tensor]) -> Quadratic | None:
    """The shortest quadratic form that a network computes, if there is one; its least squares take many inputs."""
    terms = all_terms(inputs.shape[1])
    if 2 * len(terms) > len(inputs):
        return None
    features, layers = products(inputs, terms), graph.layers(inputs).values
    others = [~_are_quadratic(values, features) for values in layers[1:-1]]
    if sum(float(effect[other].sum()) for effect, other in zip(effects, others, strict=True)) > OTHERS:
        return None
    exact = _least_squares(features, layers[-1]).mT
    for tolerance in TOLERANCES:
        tied = _refitted(_tied(terms, exact, inputs.shape[1], tolerance), features, layers[-1])
        if judge.passes(tied, GRADE):
            return _rounded(_merged(tied, features, layers[-1], judge), judge)
    return None


def _least_squares(features: Tensor, values: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.lstsq(features, values, driver="gelsd").solution  # features may be dependent
    return solution


def _are_quadratic(values: Tensor, features: Tensor) -> Tensor:
    """Whether what each neuron of a layer does, [batch, neuron], is nearly a quadratic form: bool [neuron]."""
    misfit = (values - features @ _least_squares(features, values)).square().sum(0)
    return misfit <= (1 - NEURON) * (values - values.mean(0)).square().sum(0)


def _tied(terms: Sequence[Term], exact: Tensor, inputs: int, tolerance: float) -> Quadratic:
    """Coefficients of each kind and output in a few levels."""
    references, numbers = torch.zeros(exact.shape, dtype=torch.long), list[float]()
    allowed = tolerance * float(exact[:, 1:].square().sum())
    for output, kind in itertools.product(range(len(exact)), range(-1, 3)):
        same = [n for n, term in enumerate(terms) if (_kind(term) if term else -1) == kind]
        chosen = torch.tensor(same, dtype=torch.long)
        values, order = exact[output, chosen].sort()
        labels, levels = segment(values.numpy(), allowed)
        shifted = torch.from_numpy(np.where(labels > 0, labels + len(numbers), 0))
        references[output, chosen[order]] = shifted
        numbers += levels.tolist()
    return Quadratic(terms, references, torch.tensor(numbers, dtype=torch.float64), inputs)


def _refitted(form: Quadratic, features: Tensor, outputs: Tensor) -> Quadratic:
    """The form with the numbers that fit the outputs best."""
    if not len(form.numbers):
        return form
    columns = [
        torch.cat([features @ ((row == k).double() - (row == -k).double()) for row in form.references])
        for k in range(1, len(form.numbers) + 1)
    ]
    return replace(form, numbers=_least_squares(torch.stack(columns, 1), outputs.mT.reshape(-1, 1)).flatten())


def _merged(form: Quadratic, features: Tensor, outputs: Tensor, judge: Judge) -> Quadratic:
    """The form without numbers that it can do without, alone or beside an equal or opposite one."""
    for position in form.numbers.abs().argsort().tolist():
        others = [other + 1 for other in range(len(form.numbers)) if other != position]
        for other in [0, *others, *(-other for other in others)]:
            shorter = _refitted(_without(form, position + 1, other), features, outputs)
            if judge.passes(shorter, GRADE):
                return _merged(shorter, features, outputs, judge)
    return form


def _without(form: Quadratic, number: int, other: int) -> Quadratic:
    """The form without a number, for which another reference stands."""
    table = torch.arange(len(form.numbers) + 1)
    table[number] = other
    table = table - table.sign() * (table.abs() > number).long()
    references = table[form.references.abs()] * form.references.sign()
    return replace(form, references=references, numbers=torch.cat([form.numbers[: number - 1], form.numbers[number:]]))


def _rounded(form: Quadratic, judge: Judge) -> Quadratic:
    """The form with as few digits as pass."""
    for digits in range(1, MOST_DIGITS + 1):
        numbers = [float(f"{number:.{digits - 1}e}") for number in form.numbers.tolist()]
        short = replace(form, numbers=torch.tensor(numbers, dtype=torch.float64), digits=digits)
        if judge.passes(short, GRADE):
            return short
    return form
