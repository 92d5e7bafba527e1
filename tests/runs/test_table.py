"""The table of a large run: what is written comes back, and what is not such a table is refused in one line."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import python
from pyarrow import parquet

from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError, UsageError
from hypergraph.experiment.plan import Request, plan
from hypergraph.runs.records import NetworkRecord
from hypergraph.runs.table import encode_table, is_made_by, join_tables, open_table, read_records


def record(member: int, beta: float = 1.0, **values: Any) -> NetworkRecord:
    fields: dict[str, Any] = {"loss": 0.1, "kl": 2 / 3, "decoder_loss": None, "algorithm": "pudding", "confidence": 0.5}
    fields |= {"order_parameters": {"a": member / 7, "b": None}, "file": f"networks/{member}.safetensors", **values}
    return NetworkRecord(member=member, beta=beta, **fields)


RECORDS = [record(0), record(1, algorithm=None, order_parameters={}), record(2)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "networks.parquet"
    path.write_bytes(encode_table(RECORDS, {0, 1, 2}, "one"))
    return path


def test_records_come_back_as_they_were(table: Path) -> None:
    assert read_records(table, 3, range(3)) == RECORDS
    assert read_records(table, 3, {2}) == RECORDS[2:]


def test_networks_without_a_file_have_no_name_of_one(table: Path) -> None:
    table.write_bytes(encode_table(RECORDS, {1}, "one"))
    assert parquet.read_table(table).column("file").to_pylist() == [None, RECORDS[1].file, None]


@pytest.mark.parametrize("library", ["pandas", "duckdb"])
def test_the_lines_of_the_docs_read_it(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.S) if f"import {library}" in code]
    (tmp_path / "runs" / "many").mkdir(parents=True)
    rows = [record(member, 1e-12, algorithm=name) for member, name in enumerate(["pudding", "pudding", "convexity"])]
    (tmp_path / "runs" / "many" / "networks.parquet").write_bytes(encode_table(rows, (), "one"))
    told = python(code, cwd=tmp_path)
    assert re.search(r"pudding\D+(0\.66|2)", told)
    assert re.search(r"convexity\D+(0\.33|1)", told)


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    other = record(3, order_parameters={"a": 1.0, "c": 2.0})
    for path, part in zip(paths, ([], RECORDS[1:2], [RECORDS[0], other]), strict=True):
        path.write_bytes(encode_table(part, range(9), "one"))
    join_tables(paths, tmp_path / "all.parquet", "two")
    joined = parquet.read_table(tmp_path / "all.parquet")
    assert joined.column("member").to_pylist() == [1, 0, 3]
    assert joined.column("a").to_pylist() == [None, 0.0, 1.0]
    assert joined.column("c").to_pylist() == [None, None, 2.0]
    assert is_made_by(tmp_path / "all.parquet", "two")
    assert not is_made_by(tmp_path / "all.parquet", "one")


def with_columns(**columns: Any) -> Callable[[Path], None]:
    """Replaces columns of a table; None removes one."""

    def change(path: Path) -> None:
        table = parquet.read_table(path)
        for name, values in columns.items():
            place = table.schema.get_field_index(name)
            table = table.remove_column(place) if place >= 0 else table
            table = table if values is None else table.append_column(name, values)
        parquet.write_table(table, path)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.write_bytes(b""), "is not a whole table: "),
        (lambda path: path.write_bytes(b"PAR1" * 9), "is not a whole table: "),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is not a whole table: "),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "it is a folder"),
        (with_columns(loss=None), "has no column loss"),
        (with_columns(loss=[["a", "b", "c"]]), "column loss has string: expected double"),
        (with_columns(more=[[[1], [2], [3]]]), r"column more has list<.*>: expected double"),
        (with_columns(beta=[[2.0, 1.0, 1.0]]), "beta is 2.0: expected float <= 1.0"),
        (with_columns(file=[[None, "a", "b"]]), "file is None: expected str"),
        (with_columns(algorithm=[["\x1b[2J", "a", "b"]]), "expected printable text"),
        (lambda path: path.write_bytes(encode_table(RECORDS[:2], {0, 1}, "one")), "has 2 rows: expected 3"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_refused_in_one_line(table: Path, change: Any, reason: str) -> None:
    change(table)
    with pytest.raises(FileError, match=reason) as error:
        read_records(table, 3, range(3))
    assert str(table) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("at", range(0, 2_000, 40))
def test_a_damaged_byte_is_an_error_of_the_file_or_none(table: Path, at: int) -> None:
    data = bytearray(table.read_bytes())
    data[at % len(data)] ^= 0xFF
    table.write_bytes(data)
    with contextlib.suppress(FileError), open_table(table, 3) as file:
        file.read().validate(full=True)


def test_without_pyarrow_a_large_run_is_refused_when_it_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else found(name))
    with pytest.raises(UsageError, match=r"needs pyarrow: pip install 'hypergraph-toolkit\[table\]'"):
        plan(Request("l1norm", members=257), LocalEngine())
    assert plan(Request("l1norm", members=256), LocalEngine()).members == 256


def test_large_runs_have_small_chunks() -> None:
    config = plan(Request("l1norm", members=5_000), LocalEngine())
    assert max(map(len, config.member_ranges)) <= 64
