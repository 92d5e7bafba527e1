"""Options of a task: the fields of a frozen dataclass, set by texts such as "size=3" or by plain values."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_type_hints

from hypergraph.errors import PluginError, UsageError
from hypergraph.storage.schema import Finite, as_record
from hypergraph.storage.untrusted import parse_json


def read_options(options: type, texts: Sequence[str]) -> dict[str, Any]:
    """Convert texts such as "size=3" to fields of the dataclass `options`.

    Raises:
        UsageError: a text is not key=value, an option is unknown or set twice, or a value has the wrong type.
        PluginError: the annotations of `options` cannot be resolved.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"option {text!r} is no key=value, such as size=3")
        if name in values:
            raise UsageError(f"option {name} is set twice")
        values[name] = _read(_types(options, [name])[name], name, value)
    return values


def task_metadata(task: str, options: Mapping[str, Any]) -> dict[str, str]:
    """What the file of a network records of its task."""
    return {"task": task, **({"options": json.dumps(dict(options))} if options else {})}


def recorded_options(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The options of its task that the metadata of a network's file record. Raises UsageError."""
    try:
        fields = parse_json(metadata.get("options", "{}"))
    except ValueError as error:
        raise UsageError(f"the options of its task are not JSON: {error}") from None
    return as_record(fields, dict[str, bool | int | float | str], "options")


def make_options(options: type, values: Mapping[str, Any]) -> Any:
    """Make an instance of the dataclass `options` with these fields; the others keep their defaults.

    Raises:
        UsageError: an option is unknown, has the wrong type, or is refused by the dataclass itself.
        PluginError: the annotations of `options` cannot be resolved.
    """
    types = _types(options, values)
    checked = {name: as_record(value, types[name], f"option {name}") for name, value in values.items()}
    try:
        return options(**checked)
    except ValueError as error:
        raise UsageError(f"options: {error}") from None


def complete_options(options: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """These fields of the dataclass `options` as an instance has them, and the others that it fills in.

    Raises what `make_options` raises.
    """
    made = make_options(options, values)
    present = {field: getattr(made, field.name) for field in dataclasses.fields(options) if field.init}
    return {field.name: value for field, value in present.items() if field.name in values or value != field.default}


def _types(options: type, names: Iterable[str]) -> dict[str, Any]:
    """The types of all fields of `options`. Raises UsageError where one of `names` is no field."""
    known = [field.name for field in dataclasses.fields(options)]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            raise UsageError(f"unknown option {name!r}{guess}; the task has {', '.join(known) or 'none'}")
    try:
        return {name: Finite if each is float else each for name, each in get_type_hints(options).items()}
    except NameError as error:  # the annotation names something that is imported for type checkers only
        raise PluginError(f"the types of {options.__qualname__} cannot be read: {error}") from None


def _read(kind: Any, name: str, text: str) -> Any:
    """Convert a text to an option's type: as it is where texts are allowed, else as JSON."""
    value: object = text
    with contextlib.suppress(ValueError):
        return as_record(text, kind)
    with contextlib.suppress(ValueError):
        value = parse_json(text.lower())
    return as_record(value, kind, f"option {name}")
