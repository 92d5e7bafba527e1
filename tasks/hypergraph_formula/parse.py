"""Read a formula such as "abs(x0) + x1*x2" into functions of tensors.

Python parses the text; each part is then translated if it is known here, and refused if not. Nothing is run as Python.
"""

from __future__ import annotations

import ast
import difflib
import functools
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Function: TypeAlias = Callable[[Tensor], Tensor]
"""[..., input] -> [...]"""

MAX_LETTERS = 2_000
MAX_DEPTH = 100
MAX_INPUTS = 100
MAX_NUMBER = 1e30
SEPARATOR = ";"
"""Between the formulas of several outputs."""
EXAMPLE = "write it as in abs(x0) + 2*x1**2"

INPUT = re.compile("x(0|[1-9][0-9]*)")
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {
    name: getattr(torch, name)
    for name in (
        *("abs", "sign", "relu", "sqrt", "square", "exp", "log", "sigmoid", "erf", "floor", "ceil", "round"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    )
}
"""Functions of one number, named as in torch."""
REDUCTIONS = {"max": torch.maximum, "min": torch.minimum}
"""Functions of two numbers or more."""
OPERATORS: dict[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
    ast.Div: torch.div,
    ast.Pow: torch.pow,
}


class Formula:
    """The functions of a text, one per output.

    Attributes:
        texts: the text of each output.
        inputs: how many inputs they need, by the highest number among x0, x1, ….

    Raises:
        ValueError: the text is no formula; the message says where, and what would be right.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LETTERS:
            raise ValueError(f"the formula has {len(text):,} letters: at most {MAX_LETTERS:,} can be read")
        self.texts = [part.strip() for part in text.split(SEPARATOR)]
        starts = [match.end() for match in re.finditer(rf"(^|{SEPARATOR})\s*", text)]
        readers = [_Reader(part, start) for part, start in zip(self.texts, starts, strict=True)]
        self._functions = [reader.read() for reader in readers]
        self.inputs = 1 + max(reader.highest_input for reader in readers)

    def __call__(self, inputs: Tensor) -> Tensor:
        """[..., input] -> [..., output]"""
        return torch.stack([function(inputs) for function in self._functions], -1)


class _Reader:
    """Translates the text of one output, which starts at a letter of the whole text."""

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start, self.highest_input = text, start, -1

    def read(self) -> Function:
        if not self.text:
            raise ValueError(f"there is no formula at letter {self.start + 1}: {EXAMPLE}")
        function = self._translate(self._parse(), 0)
        if self.highest_input < 0:
            raise ValueError(f"the formula {self.text!r} has no input: name its inputs x0, x1, …")
        return function

    def _parse(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as one about 1if
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            place = self.start + min(error.offset or 1, len(self.text))
            raise ValueError(f"the formula cannot be read at letter {place}, {error.msg}: {EXAMPLE}") from None
        except (RecursionError, MemoryError, ValueError):
            raise ValueError(f"the formula {self.text[:20]}… cannot be read: {EXAMPLE}") from None

    def _translate(self, node: ast.expr, depth: int) -> Function:
        if depth > MAX_DEPTH:
            raise self._error(node, f"more than {MAX_DEPTH} operations within each other cannot be read")
        below = functools.partial(self._translate, depth=depth + 1)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(node, value)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return below(part)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return _applied(torch.neg, [below(part)])
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in OPERATORS:
                return _applied(OPERATORS[type(operator)], [below(left), below(right)])
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, arguments, below)
        raise self._error(node, _advice(node))

    def _number(self, node: ast.expr, value: float) -> Function:
        if value > MAX_NUMBER:
            raise self._error(node, f"numbers go up to {MAX_NUMBER:.0e}")
        return lambda inputs: inputs.new_full(inputs.shape[:-1], float(value))

    def _name(self, node: ast.expr, name: str) -> Function:
        if name in CONSTANTS:
            return self._number(node, CONSTANTS[name])
        if name in FUNCTIONS or name in REDUCTIONS:
            raise self._error(
                node, f"a function needs its argument, as in {name}({'x0, x1' if name in REDUCTIONS else 'x0'})"
            )
        if not (number := INPUT.fullmatch(name)) or int(number[1][:9]) >= MAX_INPUTS:
            raise self._error(node, f"inputs are x0, x1, … to x{MAX_INPUTS - 1}, and the only constants are pi and e")
        index = int(number[1])
        self.highest_input = max(self.highest_input, index)
        return lambda inputs: inputs[..., index]

    def _call(
        self, node: ast.expr, name: str, arguments: Sequence[ast.expr], below: Callable[[ast.expr], Function]
    ) -> Function:
        parts = [below(argument) for argument in arguments]
        if INPUT.fullmatch(name) or name in CONSTANTS:
            raise self._error(node, f"a product is written with *, as in {name}*x0")
        if name in REDUCTIONS:
            if len(parts) < 2:
                raise self._error(node, f"{name} needs two arguments or more, as in {name}(x0, x1)")
            return _applied(lambda *values: functools.reduce(REDUCTIONS[name], values), parts)
        if name not in FUNCTIONS:
            known = [*FUNCTIONS, *REDUCTIONS]
            close = difflib.get_close_matches(name, known, 1)
            guess = f"did you mean {close[0]}? There" if close else "there"
            raise self._error(node, f"no function has this name; {guess} are {', '.join(sorted(known))}")
        if len(parts) != 1:
            raise self._error(node, f"{name} needs one argument, as in {name}(x0)")
        return _applied(FUNCTIONS[name], parts)

    def _error(self, node: ast.expr, right: str) -> ValueError:
        before = self.text.encode()[: node.col_offset].decode()
        part = ast.get_source_segment(self.text, node) or ""
        shown = part if len(part) <= 40 else f"{part[:40]}…"
        return ValueError(f"the formula has {shown!r} at letter {self.start + len(before) + 1}: {right}")


def _applied(function: Callable[..., Tensor], parts: Sequence[Function]) -> Function:
    return lambda inputs: function(*[part(inputs) for part in parts])


def _advice(node: ast.expr) -> str:
    """What would be right in place of a part that cannot be translated."""
    match node:
        case ast.BinOp(op=ast.BitXor()):
            return "a power is written **, as in x0**2"
        case ast.BinOp():
            return "the operators are + - * / **"
        case ast.Compare() | ast.BoolOp() | ast.IfExp() | ast.UnaryOp():
            return "there are no conditions; max, min, relu and sign may do instead"
        case ast.Tuple() | ast.List():
            return f"several outputs are separated by {SEPARATOR}, and decimals by a point"
        case ast.Call(func=ast.Name()):
            return "arguments have no names"
        case ast.Call():
            return "a product is written with *, as in x0*x1"
        case ast.Subscript():
            return "inputs are written x0, x1, …"
    return f"this is no part of a formula; {EXAMPLE}"
