"""Shorten a fitted program: without some numbers, with equal numbers for similar ones, with fewer digits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch

from hypergraph.programs.fit import Evidence, fit
from hypergraph.programs.graph import fidelity
from hypergraph.programs.judge import Grade, Judge
from hypergraph.programs.program import Program

REFIT = 20
"""Steps of a fit after a change."""
TRIES = 3
"""Changes that are tried before a program counts as short."""
MOST_DIGITS = 4
"""Most significant digits that are tried."""
SLACK = 3.0
"""How many times the residual of the fit a shorter program may leave."""
NEGLIGIBLE = 0.002
"""A residual of the fit that counts as none."""


def tolerated(program: Program, judge: Judge, grade: Grade) -> Grade:
    """The grade that shorter programs have to pass, so that they hardly explain less than this one."""
    residual = 1 - fidelity(judge.outputs, program.graph()(judge.inputs))
    return Grade(max(grade.fidelity, 1 - SLACK * max(residual, NEGLIGIBLE)), grade.loss_ratio)


def shorten(program: Program, evidence: Evidence, judge: Judge, grade: Grade) -> Program:
    """The program with as few numbers as pass the grade."""
    while (shorter := _shorter(program, evidence, judge, grade)) is not None:
        program = shorter
    return program


def _shorter(program: Program, evidence: Evidence, judge: Judge, grade: Grade) -> Program | None:
    """The program with one number less, if one of the least harmful changes passes."""
    with torch.no_grad():
        ranked = sorted(_changes(program), key=lambda changed: float(evidence.misfit(changed.graph())))
    for changed in ranked[:TRIES]:
        fitted = fit(changed, evidence, REFIT)
        if judge.passes(fitted.graph(), grade):
            return fitted
    return None


def _changes(program: Program) -> list[Program]:
    """The program without each number, and with each two numbers equal or opposite."""
    numbers, changed = program.numbers, []
    for one in program.used:
        changed.append(program.rewritten({one: 0}, numbers))
    places = program.places
    for one, other in itertools.combinations(program.used, 2):
        if not places[one] & places[other]:
            continue  # numbers of different meaning are equal by chance
        first, second = float(numbers[one - 1]), float(numbers[other - 1])
        sign = 1 if first * second >= 0 else -1
        both = numbers.clone()
        both[one - 1] = (first + sign * second) / 2
        changed.append(program.rewritten({other: sign * one}, both))
    return changed


def rounded(program: Program, evidence: Evidence, judge: Judge, grade: Grade) -> Program:
    """The program with as few digits as pass, or with all of them."""
    for digits in range(1, MOST_DIGITS + 1):
        short = replace(_round_one_by_one(program, evidence, digits), digits=digits)
        if judge.passes(short.graph(), grade):
            return short
    return program


def _round_one_by_one(program: Program, evidence: Evidence, digits: int) -> Program:
    """Round the smallest numbers first, and fit those that are left after each."""
    order = program.numbers.abs().argsort().tolist()
    for step, position in enumerate(order):
        numbers = program.numbers.clone()
        numbers[position] = float(f"{float(numbers[position]):.{digits - 1}e}")
        program = fit(replace(program, numbers=numbers), evidence, REFIT, order[step + 1 :])
    return program
