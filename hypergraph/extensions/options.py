"""Options of a task: the fields of a frozen dataclass, set by texts such as "size=3" or by plain values."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_type_hints

from hypergraph.errors import PluginError, UsageError
from hypergraph.storage.schema import Finite, as_record
from hypergraph.storage.untrusted import parse_json


def read_options(kind: type, texts: Sequence[str]) -> dict[str, Any]:
    """The fields that texts such as "size=3" set, in the types that the dataclass `kind` gives them.

    Raises:
        UsageError: naming the text that is no key=value, the field that `kind` lacks, or the type that would be right.
        PluginError: the annotations of `kind` cannot be resolved.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} is no key=value, such as size=3")
        if name in values:
            raise UsageError(f"option {name} is set twice")
        values[name] = _read(_types(kind, [name])[name], name, value)
    return values


def make_options(kind: type, fields: Mapping[str, Any]) -> Any:
    """An instance of the dataclass `kind` with these fields set, the others at their defaults.

    Raises:
        UsageError: for a field that `kind` lacks, a value of another type, or one that `kind` itself refuses.
        PluginError: the annotations of `kind` cannot be resolved.
    """
    types = _types(kind, fields)
    values = {name: as_record(value, types[name], f"option {name}") for name, value in fields.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise UsageError(f"options: {error}") from None


def _types(kind: type, names: Iterable[str]) -> dict[str, Any]:
    """The types of the fields of `kind`, which has these `names`."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            raise UsageError(f"unknown option {name!r}{guess}; the task has {', '.join(known) or 'none'}")
    try:
        return {name: Finite if each is float else each for name, each in get_type_hints(kind).items()}
    except NameError as error:  # an annotation that only a type checker can read
        raise PluginError(f"the types of {kind.__qualname__} cannot be read: {error}") from None


def _read(wanted: Any, name: str, text: str) -> Any:
    """The value that a text stands for: the text itself where that is one, or else what it is as JSON."""
    value: object = text
    with contextlib.suppress(ValueError):
        return as_record(text, wanted)
    with contextlib.suppress(ValueError):
        value = parse_json(text.lower())
    return as_record(value, wanted, f"option {name}")
