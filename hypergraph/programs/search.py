"""Find the shortest program of a network: structures from short to long, each fitted to the network."""

from __future__ import annotations

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
TOO_MANY = 2.0
"""Multiple of the bits of a short program from which no completion makes a structure short."""
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

    @classmethod
    def of(cls, program: Program, folded: Folded) -> Candidate:
        """A program whose numbers have few digits as yet."""
        short = replace(program, digits=DIGITS)
        return cls(program_bits(short), short, folded)


class Found(NamedTuple):
    """A program, what it keeps of the network, and how good it is."""

    program: Program
    folded: Folded
    evidence: Evidence
    grade: Grade


def candidates(graph: Graph, response: Response, inputs: Tensor, most_bits: float) -> list[Candidate]:
    """The structures of at most `most_bits` that some setting finds, from short to long."""
    found: dict[tuple[bytes, ...], Candidate] = {}
    for folded in _foldings(graph, response, inputs):
        for one in _ties(folded, inputs, most_bits):
            completed = complete(one.program, one.folded, graph, response)
            for candidate in [one] if completed is None else [one, Candidate.of(*completed)]:
                found.setdefault(candidate.program.key, candidate)
    possible = [one for one in found.values() if one.bits <= most_bits and is_regular(one.program)]
    return sorted(possible, key=lambda candidate: candidate.bits)


def _ties(folded: Folded, inputs: Tensor, most_bits: float) -> Iterator[Candidate]:
    """The structures of one folding, and of those without neurons that do what others of their role do.

    More roles and more levels take more bits, so settings that are finer than a structure of far too many are left out.
    """
    layers, effects = folded.graph.layers(inputs).values, respond(folded.graph, inputs).effects
    for roles in ROLES:
        for levels in LEVELS:
            one = Candidate.of(tie(folded.graph, layers, effects, roles, levels), folded)
            yield one
            keep = without_rivals(one.program, effects)
            if not all(bool(mask.all()) for mask in keep):
                fewer = folded.without(keep)
                own = respond(fewer.graph, inputs).effects
                yield Candidate.of(tie(fewer.graph, fewer.graph.layers(inputs).values, own, roles, levels), fewer)
            if one.bits > TOO_MANY * most_bits:
                break
        if one.bits > TOO_MANY * most_bits and levels == LEVELS[0]:
            break


def _foldings(graph: Graph, response: Response, inputs: Tensor) -> Iterator[Folded]:
    sizes = set()
    for budget in BUDGETS:
        folded = fold(graph, response, inputs, budget)
        if frozenset(folded.fates.items()) not in sizes:
            sizes.add(frozenset(folded.fates.items()))
            yield folded


def search(graph: Graph, response: Response, inputs: Tensor, judge: Judge, most_bits: float) -> Found | None:
    """The shortest program of the best grade that was found among those of at most `most_bits`."""
    best, possible = None, candidates(graph, response, inputs, most_bits)
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
