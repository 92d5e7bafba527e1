"""Typed records checked by msgspec, with one-line error messages. This module imports no torch."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from hypergraph.errors import UsageError

R = TypeVar("R")

Count = Annotated[int, Meta(ge=0)]
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""The bounds keep sums and squares finite."""
Number = Finite | None
"""A measured number; None stands for NaN and infinity."""

PLACE = re.compile(r"(.*?)(?: - at `(key` in `)?\$((?:\.\w+|\[(?:\d+|\.{3})\])*)`)?", re.DOTALL)
"""A message of msgspec: what is wrong, whether in the keys of a table, and where."""
FIELD = re.compile("Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
WORDS = {"`": "", "array": "list", "object": "table", "Number out of range": "Expected number below 1e308 in size"}
SHORT = reprlib.Repr()
SHORT.maxstring = 80


class Record(Struct, frozen=True):
    """A frozen record whose field types are checked both when it is read and when it is built in Python.

    Raises:
        UsageError: naming the field, its value, and what would be right.
    """

    def __post_init__(self) -> None:
        settle(self)


def settle(record: Struct, error: type[UsageError] = UsageError) -> None:
    """Convert the fields of a new record to their types, such as lists to tuples. Raises `error`."""
    for name, kind in _field_types(type(record)):
        msgspec.structs.force_setattr(record, name, as_record(getattr(record, name), kind, name, error))


def as_record(value: object, kind: type[R], name: str = "", error: type[UsageError] = UsageError) -> R:
    """Convert values or records to the type `kind`. Raises `error`, whose message calls the value `name`."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(value, kind)
    try:
        return msgspec.convert(value := plain(value), kind)
    except msgspec.ValidationError as refusal:
        raise error(_explain(str(refusal), value, kind, name)) from None


def plain(value: Any) -> Any:
    """`value` with numbers and arrays of other libraries, such as numpy and torch, as numbers and lists."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(plain, value))
    return value.tolist() if hasattr(value, "tolist") else value


def as_member(value: object, members: int, owner: object) -> int:
    """The number of one of the `members` of `owner`. Raises UsageError where it has no such member."""
    number = as_record(value, int, "member")
    if not 0 <= number < members:
        raise UsageError(f"{owner} has members 0 to {members - 1}, not {number}")
    return number


def as_path(value: object, name: str) -> Path:
    """The path that a text or a path-like object names; ~ is the home folder. Raises UsageError."""
    try:
        return Path(os.path.expanduser(os.fsdecode(cast(Any, value))))
    except TypeError:
        raise UsageError(f"{name} is {SHORT.repr(value)}: expected a path") from None


def check_printable(name: str, *texts: str) -> None:
    """Raise UsageError, naming the field `name`, where a text has control characters."""
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{name} has {SHORT.repr(text)}: expected printable text")


@functools.cache
def _field_types(cls: type[Struct]) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in msgspec.structs.fields(cls)]


def _explain(message: str, value: Any, kind: Any, name: str) -> str:
    """Add the wrong value and the allowed ones to a message of msgspec."""
    match = PLACE.fullmatch(message)
    assert match is not None  # the pattern matches any text
    text, in_keys, place = match[1], match[2], match[3] or ""
    nodes = [msgspec.inspect.type_info(kind)]
    for step in re.findall(r"\w+|\.{3}", place):
        nodes = [child for node in nodes for child in _children(node, step)]
        if step != "...":  # a value of a table, whose key msgspec does not tell
            value = value[int(step) if step.isdecimal() else step]
    choices = "one of " + ", ".join(choice for node in nodes for choice in _choices(node))
    where = (name + place.removesuffix("[...]")).lstrip(".")
    if field := FIELD.fullmatch(text):
        where = f"{where}.{field[2]}".lstrip(".")
        return f"{where} is missing" if field[1] == "missing required" else f"{where} is unknown: expected {choices}"
    if text.startswith("Invalid enum value"):
        text = f"Expected {choices}"
    if not text.startswith(("Expected ", "Number ")):  # raised by the record itself
        return f"{where or 'the value'}: {text}" if name + place else text
    text = text.partition(", got ")[0]
    for word, better in WORDS.items():
        text = text.replace(word, better)
    part = "keys: " if in_keys else "values: " if "..." in place else ""
    return f"{where or 'the value'} is {SHORT.repr(value)}: expected {part}{text.removeprefix('Expected ')}"


def _children(node: Any, step: str) -> list[Any]:
    """The types of one field, or of the items, of a type."""
    nodes = getattr(node, "types", [node])  # the members of a union
    fields = [field.type for each in nodes for field in getattr(each, "fields", ()) if field.name == step]
    return fields or [each.item_type for each in nodes if hasattr(each, "item_type")]


def _choices(node: Any) -> list[str]:
    """The field names or the literal values that a type allows."""
    nodes = getattr(node, "types", [node])
    names = [field.name for each in nodes for field in getattr(each, "fields", ())]
    return names or [str(value) for each in nodes for value in getattr(each, "values", ())]
