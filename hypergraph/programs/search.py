"""Find the shortest program of a network: structures from short to long, each fitted to the network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from hypergraph.programs.bits import is_regular, program_bits
from hypergraph.programs.complete import complete
from hypergraph.programs.fit import ITERATIONS, Evidence, fit
from hypergraph.programs.fold import Folded, Response, fold, respond
from hypergraph.programs.graph import Graph, fidelity
from hypergraph.programs.judge import GRADES, Grade, Judge
from hypergraph.programs.program import Program
from hypergraph.programs.roles import tie, without_rivals
from hypergraph.programs.simplify import rounded, shorten, tolerated

BUDGETS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2)
"""Shares of the outputs' variance that folding may lose before the numbers are fitted again."""
ROLES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Variance within roles, relative to the size of the weights."""
LEVELS = (0.2, 0.1, 0.03, 0.01, 0.003)
"""The same within levels."""
DIGITS = 2
"""Digits by which the length of a program is guessed before it is fitted."""
FITS = 40
"""Most structures that are fitted, evenly from short to long."""
GLANCE = 12
"""Steps of a first fit, after which hopeless structures are left."""
HOPELESS = 0.88
"""R² below which a structure is left."""


class Candidate(NamedTuple):
    """A program that is not fitted yet, with its guessed length."""

    bits: float
    program: Program
    folded: Folded


class Found(NamedTuple):
    """A program, what it keeps of the network, and how good it is."""

    program: Program
    folded: Folded
    evidence: Evidence
    grade: Grade


def candidates(graph: Graph, response: Response, inputs: Tensor) -> list[Candidate]:
    """Every structure that some setting finds, from short to long."""
    found: dict[tuple[bytes, ...], Candidate] = {}
    for folded in _foldings(graph, response, inputs):
        for program, own in _ties(folded, inputs):
            completed = complete(program, own, graph, response)
            for one, neurons in [(program, own)] if completed is None else [(program, own), completed]:
                found.setdefault(one.key, Candidate(program_bits(one), one, neurons))
    return sorted(found.values(), key=lambda candidate: candidate.bits)


def _ties(folded: Folded, inputs: Tensor) -> Iterator[tuple[Program, Folded]]:
    """The structures of one folding, and of those without neurons that do what others of their role do."""
    layers, effects = folded.graph.layers(inputs).values, respond(folded.graph, inputs).effects
    for roles, levels in itertools.product(ROLES, LEVELS):
        program = replace(tie(folded.graph, layers, effects, roles, levels), digits=DIGITS)
        yield program, folded
        keep = without_rivals(program, effects)
        if not all(bool(mask.all()) for mask in keep):
            fewer = folded.without(keep)
            own = respond(fewer.graph, inputs).effects
            yield replace(tie(fewer.graph, fewer.graph.layers(inputs).values, own, roles, levels), digits=DIGITS), fewer


def _foldings(graph: Graph, response: Response, inputs: Tensor) -> Iterator[Folded]:
    sizes = set()
    for budget in BUDGETS:
        folded = fold(graph, response, inputs, budget)
        if frozenset(folded.fates.items()) not in sizes:
            sizes.add(frozenset(folded.fates.items()))
            yield folded


def search(graph: Graph, response: Response, inputs: Tensor, judge: Judge, most_bits: float) -> Found | None:
    """The shortest program of the best grade that was found among those of at most `most_bits`."""
    best = None
    structures = candidates(graph, response, inputs)
    possible = [one for one in structures if one.bits <= most_bits and is_regular(one.program)]
    for candidate in possible[:: 1 + len(possible) // FITS]:
        evidence = Evidence.of(graph, candidate.folded, response.effects, inputs)
        program = _fitted(candidate.program, evidence)
        grade = None if program is None else judge.grade(program.graph())
        if program is not None and grade is not None and (best is None or grade.fidelity > best.grade.fidelity):
            best = Found(program, candidate.folded, evidence, grade)
            if grade == GRADES[0]:
                break
    return None if best is None else _simplified(best, graph, response, judge)


def _simplified(found: Found, graph: Graph, response: Response, judge: Judge) -> Found:
    """The shortest form of a program, without neurons that became idle."""
    least = tolerated(found.program, judge, found.grade)
    shorter = shorten(found.program, found.evidence, judge, least)
    program, keep = shorter.without_idle()
    folded = found.folded.without(keep)
    evidence = Evidence.of(graph, folded, response.effects, found.evidence.inputs)
    refitted = fit(program, evidence)
    if judge.passes(refitted.graph(), least):
        return Found(rounded(refitted, evidence, judge, least), folded, evidence, found.grade)
    return found._replace(program=rounded(shorter, found.evidence, judge, least))


def _fitted(program: Program, evidence: Evidence) -> Program | None:
    """The program fitted to the evidence, or None where a glance shows that it does not fit."""
    glance = fit(program, evidence, GLANCE)
    if fidelity(evidence.outputs, glance.graph()(evidence.inputs)) < HOPELESS:
        return None
    return fit(glance, evidence, ITERATIONS)
