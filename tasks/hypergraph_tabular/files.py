"""Read a table from a CSV or a Parquet file of bounded size; the file may be anything."""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from hypergraph.errors import FileError, UsageError, file_errors
from hypergraph.storage.untrusted import check_regular

if TYPE_CHECKING:
    import pandas

MAX_BYTES = 2**26
MAX_CELLS = 5_000_000
MAX_COLUMNS = 1_000
MAX_HEADER_BYTES = 2**16
PARQUET = b"PAR1"
"""The first bytes of a Parquet file; any other file is read as CSV."""


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises FileError."""
    check_regular(path)
    with file_errors("read", path), path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FileError(f"cannot read {path}: it has more than {MAX_BYTES:,} bytes")
    return data


def read_frame(path: Path, data: bytes) -> pandas.DataFrame:
    """The table in the content of a file. Raises FileError, and UsageError where pandas or pyarrow is missing."""
    if missing := [name for name in ("pandas", "pyarrow") if importlib.util.find_spec(name) is None]:
        raise UsageError(f"{path.name} needs {' and '.join(missing)}: pip install 'hypergraph-toolkit[table]'")
    try:
        frame = _read_parquet(data) if data.startswith(PARQUET) else _read_csv(data)
    except FileError as error:
        raise FileError(f"{path}: {error}") from None
    except (ValueError, OSError, OverflowError, NotImplementedError, Warning) as error:
        kind = "Parquet" if data.startswith(PARQUET) else "CSV"
        raise FileError(f"{path} cannot be read as {kind}: {error}") from None
    if len(frame) * len(frame.columns) > MAX_CELLS:
        raise FileError(f"{path} has more than {MAX_CELLS:,} cells: take a part of its rows or columns")
    return frame


def _read_parquet(data: bytes) -> pandas.DataFrame:
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(pyarrow.BufferReader(data))
    _check_columns(file.metadata.num_columns)
    if file.metadata.num_rows * file.metadata.num_columns > MAX_CELLS:
        raise FileError(f"it has more than {MAX_CELLS:,} cells: take a part of its rows or columns")
    texts = [field.name for field in file.schema_arrow if pyarrow.types.is_string(field.type)]
    file = parquet.ParquetFile(pyarrow.BufferReader(data), read_dictionary=texts)  # repeated texts are kept once
    table = file.read()
    table.validate(full=True)  # texts, too, which pandas decodes later
    return table.to_pandas(ignore_metadata=True)


def _read_csv(data: bytes) -> pandas.DataFrame:
    import pandas

    header = data.lstrip().partition(b"\n")[0]
    if len(header) > MAX_HEADER_BYTES:
        raise FileError(f"its first line has more than {MAX_HEADER_BYTES:,} bytes: it should name the columns")
    columns = list(pandas.read_csv(io.BytesIO(header)).columns)
    _check_columns(len(columns))
    if len(columns) == 1 and (other := re.search(rb"[;\t|]", header)):
        raise FileError(f"its first line has {other[0].decode()!r} and no comma: separate its columns by commas")
    if unnamed := [number for number, name in enumerate(columns, 1) if name.startswith("Unnamed: ")]:
        raise FileError(f"its column {unnamed[0]} has no name in the first line: name it, or remove it")
    rows = MAX_CELLS // len(columns) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)  # pandas would drop cells
        return pandas.read_csv(io.BytesIO(data), nrows=rows, index_col=False, low_memory=False)


def _check_columns(count: int) -> None:
    if count > MAX_COLUMNS:
        raise FileError(f"it has {count:,} columns: at most {MAX_COLUMNS:,} can be read")
