"""What was found in a run: its result.json, checked before anything uses it."""

from __future__ import annotations

import os

from hypergraph.errors import FileError, NotFinishedError
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import Result, read_record, to_fields
from hypergraph.storage.atomic import write_json
from hypergraph.storage.untrusted import is_within


def read_result(run: RunDirectory) -> Result:
    """The result of a run.

    Raises:
        NotFinishedError: the run is not trained and analysed to its end.
        FileError: the file is no result of this run; one line says what is wrong, and where.
    """
    if not run.result.is_file() or not run.generator.is_file():
        raise NotFinishedError(run.path, run.config.task)
    result = read_record(run.result, Result)
    root = os.path.realpath(run.path)
    for number, network in enumerate(result.networks):
        where = f"{run.result}: networks[{number}]"
        if network.member >= run.config.members:
            raise FileError(f"{where}.member is {network.member}: expected int <= {run.config.members - 1}")
        if not is_within(run.path / network.file, root):
            raise FileError(f"{where}.file is {network.file!r}: expected a file within the run")
    return result


def write_result(run: RunDirectory, result: Result) -> None:
    """Write what was found beside what was asked, as :func:`read_result` reads it. Raises FileError."""
    write_json(run.result, {**run.config.to_fields(), **to_fields(result)})
