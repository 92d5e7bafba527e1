"""Values whose types say what they may be: msgspec checks them, and one line tells what is wrong.

Like the specs that use it, this imports no torch.
"""

from __future__ import annotations

import functools
import re
import reprlib
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from hypergraph.errors import UsageError

R = TypeVar("R")

Count = Annotated[int, Meta(ge=0)]
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""The sum and the square of a larger number might be infinite."""
Number = Finite | None
"""Null where it is not finite."""

PLACE = re.compile(r"(.*?)(?: - at `(key` in `)?\$((?:\.\w+|\[(?:\d+|\.{3})\])*)`)?", re.DOTALL)
"""What msgspec says: what is wrong, and where."""
FIELD = re.compile("Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
WORDS = {"`": "", "array": "list", "object": "table", "Number out of range": "Expected number below 1e308 in size"}
SHORT = reprlib.Repr()
SHORT.maxstring = 80


class Record(Struct, frozen=True):
    """A frozen record whose fields have their types wherever it is made, read from a file or built in Python.

    Raises:
        UsageError: naming the field, its value, and what would be right.
    """

    def __post_init__(self) -> None:
        settle(self)


def settle(record: Struct, error: type[UsageError] = UsageError) -> None:
    """Give the fields of a new record their types, as lists become tuples. Raises the error where one cannot be."""
    for name, kind in _kinds(type(record)):
        msgspec.structs.force_setattr(record, name, as_record(getattr(record, name), kind, name, error))


def as_record(value: object, kind: type[R], name: str = "", error: type[UsageError] = UsageError) -> R:
    """A value, plain or made of records, as one of this type; `name` is what errors call it. Raises the error."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as refusal:
        raise error(_explained(str(refusal), value, kind, name)) from None


def check_printable(name: str, *texts: str) -> None:
    """Raise UsageError where one of the texts, called `name` together, has letters that could steer a terminal."""
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{name} has {SHORT.repr(text)}: expected printable text")


@functools.cache
def _kinds(cls: type[Struct]) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in msgspec.structs.fields(cls)]


def _explained(message: str, value: Any, kind: Any, name: str) -> str:
    """What msgspec says, with the value that was found and all that there may be."""
    match = PLACE.fullmatch(message)
    assert match is not None  # any text matches
    text, of_keys, place = match[1], match[2], match[3] or ""
    steps = re.findall(r"\w+|\.{3}", place)
    where = (name + place.removesuffix("[...]")).lstrip(".") or "the value"
    if field := FIELD.fullmatch(text):
        full = f"{name}{place}.{field[2]}".lstrip(".")
        return f"{full} is missing" if "missing" in field[1] else f"{full} is unknown: expected {_choices(kind, steps)}"
    if text.startswith("Invalid enum value"):
        text = f"Expected {_choices(kind, steps)}"
    if not text.startswith(("Expected ", "Number ")):
        return f"{where}: {text}" if name + place else text  # a rule of the record's own
    part = "keys: " if of_keys else "values: " if "..." in steps else ""
    for word, better in WORDS.items():
        text = text.partition(", got ")[0].replace(word, better)
    return f"{where} is {SHORT.repr(_found(value, steps))}: expected {part}{text.removeprefix('Expected ')}"


def _found(value: Any, steps: list[str]) -> Any:
    """What is at a place; the whole table where the place is one of its values, which msgspec does not name."""
    for step in steps:
        if step != "...":
            value = value[int(step) if step.isdecimal() else step]
    return value


def _choices(kind: Any, steps: list[str]) -> str:
    """The names of the fields, or the texts, that there may be at a place."""
    nodes = [msgspec.inspect.type_info(kind)]
    for step in [*steps, ""]:
        nodes = [each for node in nodes for each in getattr(node, "types", [node])]  # those of a union
        if step:
            fields = [field.type for node in nodes for field in getattr(node, "fields", ()) if field.name == step]
            nodes = fields or [node.item_type for node in nodes if hasattr(node, "item_type")]
    names = [field.name for node in nodes for field in getattr(node, "fields", ())]
    return "one of " + ", ".join(names or [str(value) for node in nodes for value in getattr(node, "values", ())])
