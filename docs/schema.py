"""Writes docs/result.md from the types that the files of a run are checked against: python docs/schema.py."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from msgspec.inspect import type_info

from hypergraph.runs.config import RunConfig
from hypergraph.runs.records import Metrics, NetworkRecord, ProgramRecord, ProgramText, Provenance, Result, RoleRecord
from hypergraph.spec import Connection, MLPSpec
from hypergraph.training.failures import Failure
from hypergraph.training.recipe import Recipe

PAGE = Path(__file__).parent / "result.md"
HEAD = """# The files of a run

What the JSON files in a run's folder hold. `python docs/schema.py` writes this page from the types that hypergraph
checks these files against; a file that breaks a rule is refused in one line, such as
`config.json: recipe.steps is 0: expected int >= 1`. Numbers that are not finite are null.

| file | holds |
|---|---|
| `result.json` | a [RunConfig](#runconfig), and beside its fields those of a [Result](#result) |
| `config.json` | a [RunConfig](#runconfig) |
| `networks.parquet` | of more than 256 members, a row per [NetworkRecord](#networkrecord), see below |
| `training/*/metrics.jsonl` | a line per measurement of these members: [Metrics](#metrics) |
| `training/*/failures.json` | a list, where a member diverged: [Failure](#failure) |
| `training/*/provenance.json` | a list, one each time that work on these members began: [Provenance](#provenance) |

The columns of `networks.parquet` are the fields of a NetworkRecord, with a column for each order parameter. Its rows
stand by member and then by price. `file` is null where the network is no file: `hypergraph generate RUN --member M
--beta B` makes it again, to the same bits on the same kind of processor. [On many machines](cluster.md#many-members)
shows how pandas and DuckDB read it.
"""
NOTES = {RunConfig: "`format_version`, which is 4, stands before these fields; every field is there."}
KINDS = (
    RunConfig,
    Result,
    NetworkRecord,
    ProgramRecord,
    ProgramText,
    RoleRecord,
    Failure,
    Provenance,
    Metrics,
    Recipe,
    MLPSpec,
    Connection,
)
NAMES = {"IntType": "int", "FloatType": "number", "StrType": "text", "BoolType": "true or false", "NoneType": "null"}
UNIT = re.compile(", in (nats|seconds(?: since 1970)?)")


def kind(node: Any) -> str:
    """A type in words."""
    if hasattr(node, "types"):
        kinds = list(map(kind, node.types))
        return " or ".join([kinds[0], *(other.replace(kinds[0], "these") for other in kinds[1:])])
    if hasattr(node, "cls"):
        return f"[{node.cls.__name__}](#{node.cls.__name__.lower()})"
    if hasattr(node, "item_type"):
        return f"list of {kind(node.item_type)}"
    if hasattr(node, "item_types"):
        return f"[{', '.join(map(kind, node.item_types))}]"
    if hasattr(node, "value_type"):
        return f"table of {kind(node.value_type)}"
    if hasattr(node, "values"):
        return f"one of {', '.join(map(str, node.values))}"
    low, high = getattr(node, "ge", None), getattr(node, "le", None)
    name = NAMES.get(type(node).__name__, "text")
    if low is None or abs(low) == 1e300:
        return name
    return f"{name} from {low:,}" + ("" if high is None else f" to {high:,}")


def meanings(cls: type) -> dict[str, str]:
    """What the docstring of a type says of its fields."""
    text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    parts = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in parts}


def section(cls: type[Any]) -> str:
    """The table of a type."""
    about = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
    rows = [f"## {cls.__name__}", "", f"{about} {NOTES.get(cls, '')}".rstrip(), ""]
    rows += ["| field | type | meaning | unit |", "|---|---|---|---|"]
    told = meanings(cls)
    node: Any = type_info(cls)
    for field in node.fields:
        unit = UNIT.search(told[field.name])
        meaning = UNIT.sub("", told[field.name]).rstrip(".")
        rows.append(f"| `{field.name}` | {kind(field.type)} | {meaning} | {unit[1] if unit else ''} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *map(section, KINDS)])


if __name__ == "__main__":
    PAGE.write_text(page())
