"""Renderings of expressions: one readable line, LaTeX, and Python source that runs without this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from hypergraph.programs.expression import Formula

if TYPE_CHECKING:
    from hypergraph.programs.explain import Explanation

SHORT = {"silu": "swish"}
"""Names that readers know better."""


def _shown(number: Any, digits: int) -> str:
    """A number with few digits; products of numbers have one more."""
    return f"{float(number):.{min(digits, 5) + 1}g}"


class _Text(StrPrinter):  # type: ignore[misc]
    printmethod = "_text"  # not the one that classes define for themselves

    def __init__(self, expression: Formula) -> None:
        super().__init__()
        self._expression = expression

    def _print_Float(self, number: Any) -> str:
        return _shown(number, self._expression.digits)

    def _print_Sum(self, total: Any) -> str:
        names = {str(symbol) for symbol in total.function.free_symbols}
        sets = [name for name in self._expression.sets if name in names]
        sign = f"Σ_{{i∈{sets[0]}}}" if sets else "Σᵢ"
        body = self._print(total.function)
        return f"{sign} ({body})" if total.function.is_Add else f"{sign} {body}"

    def _print_Indexed(self, entry: Any) -> str:
        index = entry.indices[0]
        return f"x{index}" if index.is_Integer else "xᵢ"

    def _print_Function(self, call: Any) -> str:
        name = type(call).__name__
        return f"{SHORT.get(name, name)}({self._print(call.args[0])})"


class _Latex(LatexPrinter):  # type: ignore[misc]
    printmethod = "_none"

    def __init__(self, expression: Formula) -> None:
        super().__init__()
        self._expression = expression

    def _print_Float(self, number: Any) -> str:
        return _shown(number, self._expression.digits)

    def _print_Function(self, call: Any, exp: Any = None) -> str:
        name = SHORT.get(type(call).__name__, type(call).__name__)
        return rf"\operatorname{{{name}}}\left({self._print(call.args[0])}\right)"


class _Python(StrPrinter):  # type: ignore[misc]
    printmethod = "_python"

    """Python that works on tensors [..., input]."""

    def _print_Float(self, number: Any) -> str:
        return repr(float(number))

    def _print_Sum(self, total: Any) -> str:
        (_, first, last) = total.limits[0]
        return f"sum({self._print(total.function)} for i in range({first}, {last + 1}))"

    def _print_Indexed(self, entry: Any) -> str:
        index = self._print(entry.indices[0])
        return f"x[..., {index}]" if str(entry.base) == "x" else f"{entry.base}[{index}]"


def text(expression: Formula) -> str:
    """One readable line."""
    names = ["y"] if len(expression.outputs) == 1 else [f"y{n}" for n in range(len(expression.outputs))]
    lines = [f"{name} = {line}" for name, line in zip(names, _lines(expression), strict=True)]
    sets = [f"{name} = {{{', '.join(map(str, members))}}}" for name, members in expression.sets.items()]
    return "; ".join(lines) + (" where " + ", ".join(sets) if sets else "")


def terms(expression: Formula) -> str:
    """The outputs in one readable line, without their names and the sets that they refer to."""
    return "; ".join(_lines(expression))


def _lines(expression: Formula) -> list[str]:
    lines = map(_Text(expression).doprint, expression.outputs)
    return [line.replace("**2", "²").replace("*", "·").replace("-", "−") for line in lines]


def latex(expression: Formula) -> str:
    """LaTeX for mathematical mode."""
    printer = _Latex(expression)
    lines = [printer.doprint(output) for output in expression.outputs]
    sets = [rf"{name} = ({', '.join(map(str, members))})" for name, members in expression.sets.items()]
    return r",\quad ".join(lines + sets)


def python(expression: Formula) -> str:
    """The source of a function of a tensor [..., input] that gives a tensor [..., output]."""
    printer = _Python()
    outputs = [f"        {printer.doprint(output)} + zero," for output in expression.outputs]
    return "\n".join(
        [
            "import torch",
            *(f"from torch.nn.functional import {name}" for name in expression.activations),
            "",
            *(f"{name} = {members!r}" for name, members in expression.sets.items()),
            "",
            "",
            "def program(x):",
            '    """Inputs [..., input] -> outputs [..., output]."""',
            "    zero = torch.zeros_like(x[..., 0])",
            "    outputs = [",
            *outputs,
            "    ]",
            "    return torch.stack(outputs, -1)",
            "",
        ]
    )


def summary(found: Explanation) -> str:
    """How good a program is, in one line, or that there is none."""
    if found.bits is None:
        loss = "" if found.loss_before is None else f", loss {found.loss_before:.4f}"
        return f"no short program: {found.raw_bits:,.0f} bits{loss}{_redrawn(found)}"
    parts = [f"{found.numbers} numbers", f"{found.bits:.0f} of {found.raw_bits:,.0f} bits"]
    if found.r2 is not None:
        parts.append(f"R² {found.r2:.4f}, shifted {found.r2_shifted:.4f}")
    if found.loss_after is not None:
        before = "" if found.loss_before is None else f"{found.loss_before:.4f} -> "
        parts.append(f"loss {before}{found.loss_after:.4f}")
    return f"{found.kind} ({', '.join(parts)})"


def _redrawn(found: Explanation) -> str:
    if found.redrawn is None:
        return ""
    verdict = "weights at random would do as well" if found.redrawn.as_good else "with weights at random"
    return f"; {verdict}: {found.redrawn.loss:.4f} ± {found.redrawn.deviation:.4f}"
