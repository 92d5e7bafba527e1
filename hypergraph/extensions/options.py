"""Options of a task: the fields of a frozen dataclass, set by texts such as "size=3" or by plain values."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypergraph.errors import PluginError, UsageError

WORDS = {"true": True, "false": False}
NAMES: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}
READERS: dict[Any, Callable[[str], Any]] = {bool: lambda text: WORDS[text.lower()], int: int, float: float, str: str}


def read_options(kind: type, texts: Sequence[str]) -> dict[str, Any]:
    """The fields that texts such as "size=3" set, in the types that the dataclass `kind` gives them.

    Raises:
        UsageError: naming the text that is no key=value, the field that `kind` lacks, or the type that would be right.
        PluginError: the annotations of `kind` cannot be resolved.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} is no key=value, such as size=3")
        if name in values:
            raise UsageError(f"option {name} is set twice")
        values[name] = _read(_type(kind, name), name, value)
    return values


def make_options(kind: type, fields: Mapping[str, Any]) -> Any:
    """An instance of the dataclass `kind` with these fields set, the others at their defaults.

    Raises:
        UsageError: for a field that `kind` lacks, a value of another type, or one that `kind` itself refuses.
    """
    for name, value in fields.items():
        if not _fits(_type(kind, name), value):
            raise UsageError(f"option {name} is {value!r}, not {_wanted(_type(kind, name))}")
    try:
        return kind(**fields)
    except ValueError as error:
        raise UsageError(f"the options {dict(fields)} cannot be: {error}") from None


def check_number(name: str, value: object, kind: type, low: float, high: float) -> None:
    """Raise UsageError where `value` is no number of this kind, int or float, from `low` to `high`."""
    if not _fits(kind, value):
        raise UsageError(f"{name} is {value!r}, not {NAMES[kind]}")
    if not low <= value <= high:  # type: ignore[operator]  # it is a number
        raise UsageError(f"{name} is {value}; it must be from {low} to {high}")


def _type(kind: type, name: str) -> Any:
    names = [field.name for field in dataclasses.fields(kind)]
    if name not in names:
        close = difflib.get_close_matches(name, names, 1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        raise UsageError(f"unknown option {name!r}{guess}; the task has {', '.join(names) or 'none'}")
    try:
        return get_type_hints(kind)[name]
    except NameError as error:  # an annotation that only a type checker can read
        raise PluginError(f"the types of {kind.__qualname__} cannot be read: {error}") from None


def _read(wanted: Any, name: str, text: str) -> Any:
    try:
        value = (
            {str(choice): choice for choice in _choices(wanted)}[text] if _choices(wanted) else READERS[wanted](text)
        )
    except (KeyError, ValueError):
        raise UsageError(f"option {name} is {text!r}, not {_wanted(wanted)}") from None
    return value


def _fits(wanted: Any, value: Any) -> bool:
    if _choices(wanted):
        return any(value == choice and type(value) is type(choice) for choice in _choices(wanted))
    if wanted is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max  # an int may be larger
    return type(value) is wanted


def _choices(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) is Literal else ()


def _wanted(wanted: Any) -> str:
    if _choices(wanted):
        return f"one of {', '.join(map(str, _choices(wanted)))}"
    return NAMES.get(wanted, str(wanted))
