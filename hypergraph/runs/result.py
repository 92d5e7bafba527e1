"""What a finished run tells in its result.json, checked before anything uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hypergraph.errors import FileError, UsageError
from hypergraph.extensions.options import check_number
from hypergraph.runs.directory import RunDirectory
from hypergraph.storage.untrusted import is_within, read_json

Row = dict[str, Any]
FIELDS = {"member", "beta", "loss", "kl", "decoder_loss", "algorithm", "order_parameters", "file"}
"""What a result tells of a network, at least."""
NUMBERS = {"loss", "kl", "decoder_loss", "confidence"}
"""Null where they are not finite."""
LARGEST = 1e300
"""Of a number: sums and squares of larger ones are infinite."""


def read_result(run: RunDirectory) -> dict[str, Any]:
    """The result of a run, every row of its `networks` checked.

    Raises:
        FileError: where the run is not finished, or the file is no result of it: a value has the wrong type or is not
            finite, a member or a price cannot be, a text cannot be printed, or a file lies outside of the run.
    """
    if not run.result.is_file() or not run.generator.is_file():
        resume = f"hypergraph run {run.config.task} --resume --out {run.path}"
        raise FileError(f"{run.path} is not finished: go on with {resume}")
    result = read_json(run.result)
    rows = result.get("networks") if isinstance(result, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= FIELDS for row in rows):
        raise FileError(f"{run.result} is no result of a run")
    try:
        _check_rows(run, rows)
    except UsageError as error:
        raise FileError(f"{run.result} is no result of a run: {error}") from None
    checked: dict[str, Any] = result
    return checked


def _check_rows(run: RunDirectory, rows: list[Row]) -> None:
    root = os.path.realpath(run.path)
    for row in rows:
        check_number("member", row["member"], int, 0, run.config.members - 1)
        check_number("beta", row["beta"], float, 1e-12, 1)
        for name in NUMBERS & row.keys():
            _check_finite(name, row[name])
        _check_text("algorithm", row["algorithm"] or "")
        _check_order_parameters(row)
        _check_text("file", row["file"])
        if not is_within(run.path / row["file"], root):
            raise UsageError(f"file {row['file']!r} lies outside of the run")
    if len({(row["member"], row["beta"]) for row in rows}) < len(rows):
        raise UsageError("it tells of a member and a price twice")
    if len({frozenset(row["order_parameters"]) for row in rows if row["order_parameters"]}) > 1:
        raise UsageError("its networks have different order parameters")


def _check_order_parameters(row: Row) -> None:
    parameters = row["order_parameters"]
    if not isinstance(parameters, Mapping) or parameters.keys() & row.keys():
        raise UsageError(f"order_parameters are {parameters!r}, no table of names of their own")
    for name, value in parameters.items():
        _check_text("an order parameter", name)
        _check_finite(name, value)


def _check_finite(name: str, value: object) -> None:
    if value is not None:
        check_number(name, value, float, -LARGEST, LARGEST)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.isprintable():
        raise UsageError(f"{name} is {value!r}, no printable text")
