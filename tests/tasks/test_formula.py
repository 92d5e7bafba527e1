"""Formulas: read as Python reads them, never run as Python, refused kindly, and normalised."""

from __future__ import annotations

import contextlib
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import normal, rng

from hypergraph.errors import SpecError, UsageError
from hypergraph.extensions.options import make_options
from hypergraph.extensions.registry import TASKS
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_task
from hypergraph_formula.parse import MAX_DEPTH, MAX_LETTERS, Formula
from hypergraph_formula.task import Formula as FormulaTask

PYTHON = {
    "abs": abs,
    "max": max,
    "min": min,
    "sin": math.sin,
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "sign": lambda x: float((x > 0) - (x < 0)),
    "square": lambda x: x * x,
    "pi": math.pi,
}


@st.composite
def formulas(draw: st.DrawFn, depth: int = 4) -> str:
    """Texts of formulas that are finite everywhere, with and without parentheses."""
    if not depth or draw(st.booleans()):
        return draw(st.sampled_from(["x0", "x1", "x2", "x3", "2", "0.5", "1e-1", "pi"]))
    part = formulas(depth - 1)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return f"{draw(st.sampled_from('+-'))}{draw(part)}"
    if kind == 1:
        return f"{draw(st.sampled_from(['abs', 'sin', 'tanh', 'relu', 'sign', 'square']))}({draw(part)})"
    if kind == 2:
        return f"{draw(st.sampled_from(['max', 'min']))}({draw(part)}, {draw(part)})"
    if kind == 3:
        return f"({draw(part)})**2"
    return f"{draw(part)} {draw(st.sampled_from(['+', '-', '*', '*-', '/3*']))} ({draw(part)})"


@given(text=formulas(), seed=st.integers(0, 100))
def test_formulas_are_read_as_python_reads_them(text: str, seed: int) -> None:
    inputs = normal(seed, 3, 4)
    outputs = Formula(f"x0*0 + ({text})")(inputs)
    for row, found in zip(inputs.tolist(), outputs[:, 0].tolist(), strict=True):
        right = eval(text, {"__builtins__": {}}, PYTHON | {f"x{number}": value for number, value in enumerate(row)})
        assert found == pytest.approx(right, rel=1e-9, abs=1e-9)


@given(text=st.text(max_size=40) | st.text("x01+*-/(). ;,abs", max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with contextlib.suppress(ValueError):  # and nothing else is raised
        assert Formula(text)(torch.ones(1, 100)).shape[0] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no formula at letter 1: write it as in "),
        ("x0; ", "no formula at letter 5"),
        ("2x0", "cannot be read at letter 1, .*: write it as in "),
        ("x0 + ", "cannot be read at letter [1-5]"),
        ("x1; x0 + x0 x1", "cannot be read at letter 1[0-3]"),
        ("x0 + x1^2", r"'x0 \+ x1\^2' at letter 1: a power is written \*\*"),
        ("x0; 1 + sinn(x1)", r"'sinn\(x1\)' at letter 9: no function has this name; did you mean sin\?"),
        ("x0 + tanh", "'tanh' at letter 6: a function needs its argument"),
        ("max(x0)", "max needs two arguments or more"),
        ("sin(x0, x1)", "sin needs one argument"),
        ("sin(x=x0)", "arguments have no names"),
        ("2(x0)", r"a product is written with \*"),
        ("x0(x1)", r"a product is written with \*"),
        ("x + 1", "'x' at letter 1: inputs are x0, x1, "),
        ("x01", "cannot be read|inputs are x0, x1, "),
        ("x100", "to x99"),
        ("x99999999999999999999", "to x99"),
        ("x0[1]", "inputs are written x0, x1, "),
        ("x0 if x1 > 0 else x2", "no conditions"),
        ("x0 > 1", "no conditions"),
        ("x0, x1", "outputs are separated by ;"),
        ("x0 % 2", r"operators are \+ - \* / \*\*"),
        ("x0*1e40", "numbers go up to"),
        ("x0.grad", "no part of a formula"),
        ("'x0'", "no part of a formula"),
        ("True + x0", "'True' at letter 1"),
        ("__import__('os')", "no part of a formula"),
        ("(lambda: x0)()", r"a product is written with \*"),
        ("7", "has no input"),
        ("-" * (MAX_DEPTH + 2) + "x0", "more than 100 operations within each other"),
        ("(" * 900 + "x0" + ")" * 900, "cannot be read"),
        ("x0+" * MAX_LETTERS + "x0", "6,002 letters: at most 2,000"),
        ("x0 - x0", "is constant where inputs are normal"),
        ("log(x0)", r"'log\(x0\)' is -inf at x0=0, no finite number"),
        ("x0; 1/(x1-x0)", r"'1/\(x1-x0\)' is -?inf at x0=0, x1=0"),
        ("sqrt(6.2 + x0)", "is nan at x0=-6.5"),
        ("tan(x0)", "so rare and large"),
        ("exp(x0**2)", "so rare and large"),
        ("x0*10**10**10", "no finite number"),
    ],
)
def test_wrong_formulas_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make_options(FormulaTask.Options, {"y": text})
    assert "\n" not in str(caught.value)


def test_what_is_finite_depends_on_the_inputs() -> None:
    assert FormulaTask.Options("1/x0", "signs")
    assert FormulaTask.Options("sqrt(1 - x0**2)", "uniform")
    with pytest.raises(ValueError, match="is constant where inputs are signs"):
        FormulaTask.Options("abs(x0)", "signs")
    with pytest.raises(ValueError, match="-inf at x0=-1"):
        FormulaTask.Options("log(1 + x0)", "uniform")


@pytest.mark.parametrize("inputs", ["normal", "uniform", "signs"])
def test_the_task_keeps_its_contract_and_normalises_every_output(inputs: str) -> None:
    task = TASKS.load("formula", {"y": "x0*x1; 7 + 1000*max(x0, x2)", "inputs": inputs})
    assert task.default_spec == MLPSpec((3, 16, 2))
    check_task(task)
    samples, targets = task.sample(task.default_spec, 20_000, rng(1))
    assert torch.allclose(targets.mean(0), torch.zeros(2), atol=0.05)
    assert torch.allclose(targets.std(0), torch.ones(2), atol=0.05)
    assert samples.abs().amax() <= (8 if inputs == "normal" else 1)


def test_a_network_may_have_more_inputs_but_no_other_outputs() -> None:
    task = FormulaTask()
    samples, targets = task.sample(MLPSpec((5, 16, 1)), 3, rng(0))
    assert torch.equal(targets, task.function(samples[:, :3]))
    mean, deviation = task.normalisation(task.default_spec)
    raw = samples[:, :1].abs() + samples[:, 1:2] * samples[:, 2:3]
    torch.testing.assert_close(mean + deviation * targets, raw)
    task.check_spec(MLPSpec((5, 16, 1)))
    with pytest.raises(SpecError, match="the formula has 3 inputs and 1 outputs: 2,16,2 has other ends; try 3,16,1"):
        task.check_spec(MLPSpec((2, 16, 2)))
