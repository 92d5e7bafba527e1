"""What is wrong with a value is said in one line: where it is, what was found, and what would be right."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from hypergraph.errors import FileError, UsageError
from hypergraph.runs.provenance import changed_versions
from hypergraph.runs.records import Metrics, NetworkRecord, Provenance, Result, read_record, to_fields
from hypergraph.storage.schema import Count, Record, as_record
from hypergraph.training.failures import Failure

DOCS = Path(__file__).parents[2] / "docs"


class Leaf(Record, frozen=True, forbid_unknown_fields=True):
    count: Count = 0
    kind: Literal["elm", "oak"] | None = None
    pair: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count == 7:
            raise UsageError("count is 7: expected another number")


class Tree(Record, frozen=True):
    leaf: Leaf | None
    leaves: Annotated[tuple[Leaf, ...], Meta(max_length=2)] = ()
    table: dict[str, float] = {}  # noqa: RUF012  # msgspec copies an empty one


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (3, "the value is 3: expected table"),
        ({}, "leaf is missing"),
        ({"leaf": 3}, "leaf is 3: expected table | null"),
        ({"leaf": {"count": -1}}, "leaf.count is -1: expected int >= 0"),
        ({"leaf": {"count": "a\x1b\n"}}, "leaf.count is 'a\\x1b\\n': expected int"),
        ({"leaf": {"count": 7}}, "leaf: count is 7: expected another number"),
        ({"leaf": {"kind": "fir"}}, "leaf.kind is 'fir': expected one of elm, oak"),
        ({"leaf": {"kind": 3}}, "leaf.kind is 3: expected str | null"),
        ({"leaf": {"knid": 3}}, "leaf.knid is unknown: expected one of count, kind, pair"),
        ({"leaf": {"a` - at `$.leaf": 3}}, "leaf.a` - at `$.leaf is unknown: expected one of count, kind, pair"),
        ({"leaf": {"pair": [1]}}, "leaf.pair is [1]: expected list of length 2"),
        ({"leaf": {"pair": [1, True]}}, "leaf.pair[1] is True: expected int"),
        ({"leaf": None, "leaves": [{}, {"kind": "fir"}]}, "leaves[1].kind is 'fir': expected one of elm, oak"),
        ({"leaf": None, "leaves": [{}, {"knid": 3}]}, "leaves[1].knid is unknown: expected one of count, kind, pair"),
        ({"leaf": None, "leaves": [{}] * 3}, "leaves is [{}, {}, {}]: expected list of length <= 2"),
        ({"leaf": None, "table": {"a": "b"}}, "table is {'a': 'b'}: expected values: float"),
        ({"leaf": None, "table": {3: 1.0}}, "table is {3: 1.0}: expected keys: str"),
        ({"leaf": None, "table": {"a": 10**400}}, "table is {'a': 10000"),
        ({"leaf": {"count": "long" * 1000}}, "leaf.count is 'longlong"),
    ],
)
def test_a_wrong_value_is_quoted_and_placed(fields: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        as_record(fields, Tree)
    text = str(error.value)
    assert text.startswith(message)
    assert text == message or "..." in text
    assert len(text) < 200


def test_a_record_is_checked_where_it_is_built_too() -> None:
    assert Leaf(pair=[1, 2]).pair == (1, 2)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^count is True: expected int$"):
        Leaf(count=True)
    with pytest.raises(UsageError, match=r"^count is -2: expected int >= 0$"):
        msgspec.structs.replace(Leaf(), count=-2)
    with pytest.raises(UsageError, match=r"^leaf is 3: expected table \| null$"):
        Tree(3)  # type: ignore[arg-type]


FAILURE: dict[str, Any] = {"member": 1, "step": 3, "back_to": 2, "loss": None, "kl": 1.5, "retired": False}
METRICS: dict[str, Any] = {
    "step": 3,
    "time": 1.5,
    "beta": [1e-9],
    "loss": [[0.5]],
    "kl": [[None]],
    "algorithm": [["a"]],
}
PROVENANCE: dict[str, Any] = {"members": [0, 1], "step": None, "versions": {"torch": "2"}, "threads": 1}
RESULT: dict[str, Any] = {"failures": [FAILURE], "solved_loss": 0.1, "algorithms": {"a": "#ff0000"}, "networks": []}


@pytest.mark.parametrize(
    ("kind", "fields"), [(Failure, FAILURE), (Metrics, METRICS), (Provenance, PROVENANCE), (Result, RESULT)]
)
def test_records_are_read_as_they_are_written(kind: type[Record], fields: dict[str, Any]) -> None:
    record = as_record(fields, kind)
    assert as_record(to_fields(record), kind) == record
    for name in fields:
        with pytest.raises(UsageError, match=f"^{name} is missing$"):
            as_record({other: value for other, value in fields.items() if other != name}, kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "the value is 5: expected list"),
        ("[5]", "[0] is 5: expected table"),
        ("[{}]", "[0].member is missing"),
        ('[{"member": -1}]', "[0].member is -1: expected int >= 0"),
        ('[{"step": 1.0}]', "[0].step is 1.0: expected int"),
        ('[{"back_to": true}]', "[0].back_to is True: expected int"),
        ('[{"loss": "much"}]', "[0].loss is 'much': expected float | null"),
        ('[{"retired": 1}]', "[0].retired is 1: expected bool"),
        ('[{"depth": 1}]', "[0].depth is unknown: expected one of member, step, "),
    ],
)
def test_failures_of_a_stranger_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "failures.json"
    path.write_text(text)
    with pytest.raises(FileError) as error:
        read_record(path, list[Failure])
    assert str(error.value).startswith(f"{path}: {message}")


def test_no_number_of_a_network_is_infinite() -> None:
    fields: dict[str, Any] = {
        "member": 0,
        "beta": 1.0,
        "kl": 1.0,
        "decoder_loss": 1.0,
        "algorithm": None,
        "order_parameters": {},
    }
    for loss in (float("nan"), float("inf"), 1e301):
        with pytest.raises(UsageError, match=r"^loss is .*: expected float [<>]= "):
            NetworkRecord(loss=loss, file="a", **fields)


def test_the_page_about_the_files_of_a_run_is_that_of_their_types() -> None:
    page = runpy.run_path(str(DOCS / "schema.py"))["page"]()
    assert (DOCS / "result.md").read_text() == page, "stale: run python docs/schema.py"


def test_versions_that_changed_are_told_with_both() -> None:
    assert changed_versions({"torch": "2", "dgl": "1", "python": "3"}, {"torch": "3", "python": "3", "new": "1"}) == [
        "torch 2 (here 3)",
        "dgl 1 (here None)",
    ]
