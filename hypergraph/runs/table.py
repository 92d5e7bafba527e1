"""The records of a large run's networks as a Parquet file: a row for each, by member and then by price.

The columns are the fields of NetworkRecord, with a column for each order parameter. A file may be anybody's, and is
checked when it is read.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypergraph.errors import FileError, UsageError, file_errors
from hypergraph.runs.records import NetworkRecord, to_fields
from hypergraph.storage.atomic import writing
from hypergraph.storage.schema import as_record
from hypergraph.storage.untrusted import check_regular

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile

ROWS_PER_GROUP = 100_000
"""Rows that are compressed together, and held in memory together."""
MADE_BY = b"hypergraph"
"""The key of a file's metadata that tells what made its rows."""
TEXTS = ("algorithm", "file")
NUMBERS = ("beta", "loss", "kl", "decoder_loss", "confidence")


def check_parquet() -> None:
    """Raise UsageError where pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("a run of so many members needs pyarrow: pip install 'hypergraph-toolkit[table]'")


def encode_table(records: Sequence[NetworkRecord], kept: Container[int], made_by: str) -> bytes:
    """A Parquet file of records; the networks of members that are not `kept` have no file there.

    `made_by` tells what made them.
    """
    import pyarrow
    from pyarrow import parquet

    names = dict.fromkeys(name for record in records for name in record.order_parameters)
    columns: dict[str, list[Any]] = {name: [] for name in (*_FIELDS, *names)}
    for record in records:
        row = {**to_fields(record), **record.order_parameters}
        for name, column in columns.items():
            column.append(row.get(name) if name != "file" or record.member in kept else None)
    schema = pyarrow.schema([(name, _type_of(name)) for name in columns], {MADE_BY: made_by.encode()})
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns, schema), buffer, compression="zstd")
    return buffer.getvalue()


_FIELDS = tuple(name for name in NetworkRecord.__struct_fields__ if name != "order_parameters")


def _type_of(name: str) -> pyarrow.DataType:
    import pyarrow

    return pyarrow.int32() if name == "member" else pyarrow.string() if name in TEXTS else pyarrow.float64()


def is_made_by(path: Path, made_by: str) -> bool:
    """Whether a file is a table whose metadata tell this."""
    try:
        with _opened(path) as file:
            return bool((file.schema_arrow.metadata or {}).get(MADE_BY) == made_by.encode())
    except FileError:
        return False


def join_tables(parts: Sequence[Path], path: Path, made_by: str) -> None:
    """Join the tables of parts of the members, in order, with one group of rows in memory. Raises FileError."""
    import pyarrow
    from pyarrow import parquet

    schemas = []
    for part in parts:
        with _opened(part) as file:
            schemas.append(file.schema_arrow.remove_metadata())
    schema = pyarrow.unify_schemas(schemas).with_metadata({MADE_BY: made_by.encode()})
    with writing(path) as out, parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        waiting: list[pyarrow.Table] = []
        for part in parts:
            with _opened(part) as file:
                waiting.append(file.read())
            if sum(map(len, waiting)) >= ROWS_PER_GROUP:
                writer.write_table(_concatenated(waiting, schema))
                waiting.clear()
        if waiting:
            writer.write_table(_concatenated(waiting, schema))


def _concatenated(tables: Sequence[pyarrow.Table], schema: pyarrow.Schema) -> pyarrow.Table:
    """Tables as one; order parameters that only some of them have are null in the others."""
    import pyarrow

    empty = schema.empty_table()
    return pyarrow.concat_tables(
        [empty, *(table.replace_schema_metadata(None) for table in tables)], promote_options="default"
    )


@contextmanager
def open_table(path: Path, rows: int) -> Iterator[ParquetFile]:
    """A table of this number of rows. Raises FileError, also for what is read of it within."""
    with _opened(path) as file:
        if file.metadata.num_rows != rows:
            raise FileError(f"{path} has {file.metadata.num_rows:,} rows: expected {rows:,}, one per member and price")
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[ParquetFile]:
    import pyarrow
    from pyarrow import parquet

    check_regular(path)
    try:
        with file_errors("read", path), path.open("rb") as data, parquet.ParquetFile(data) as file:
            _check_columns(path, file.schema_arrow)
            yield file
    except (pyarrow.ArrowException, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, UsageError):
            raise
        raise FileError(f"{path} is not a whole table: {error}") from None


def _check_columns(path: Path, schema: pyarrow.Schema) -> None:
    """Raise FileError where a table has other columns than those of records."""
    if missing := [name for name in _FIELDS if name not in schema.names]:
        raise FileError(f"{path} has no column {missing[0]}")
    if len(set(schema.names)) < len(schema.names):
        raise FileError(f"{path} has a column twice")
    for name, kind in zip(schema.names, schema.types, strict=True):
        if kind != _type_of(name):
            raise FileError(f"{path}: column {name} has {kind}: expected {_type_of(name)}")


def read_records(path: Path, rows: int, members: Container[int]) -> list[NetworkRecord]:
    """The records of some members, which have files, read group by group. Raises FileError."""
    records = []
    with open_table(path, rows) as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                if row["member"] in members:
                    parameters = {name: row.pop(name) for name in list(row) if name not in _FIELDS}
                    known = {} if all(value is None for value in parameters.values()) else parameters
                    try:
                        records.append(as_record({**row, "order_parameters": known}, NetworkRecord))
                    except UsageError as error:
                        raise FileError(f"{path}: {error}") from None
    return records
