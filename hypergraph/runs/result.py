"""The result and the generators of a run, which are checked when they are read."""

from __future__ import annotations

import os
from pathlib import Path

from hypergraph.errors import FileError, NotFinishedError
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import Result, read_record, to_fields
from hypergraph.storage.atomic import write_json
from hypergraph.storage.untrusted import is_within


def read_result(run: RunDirectory) -> Result:
    """Read the result of a run.

    Raises:
        NotFinishedError: the training or the analysis has not finished.
        FileError: the file is no result of this run; the message says where it is wrong.
    """
    if not run.result.is_file() or not run.is_trained:
        raise NotFinishedError(run.path, run.config.task)
    result = read_record(run.result, Result)
    root, sample = os.path.realpath(run.path), run.config.sample
    for number, network in enumerate(result.networks):
        where = f"{run.result}: networks[{number}]"
        if network.member >= run.config.members:
            raise FileError(f"{where}.member is {network.member}: expected int <= {run.config.members - 1}")
        if network.member not in sample:
            raise FileError(f"{where}.member is {network.member}, which is not in the sample of this run")
        if not is_within(run.path / network.file, root):
            raise FileError(f"{where}.file is {network.file!r}: expected a file within the run")
    return result


def write_result(run: RunDirectory, result: Result) -> None:
    """Write the result beside the run's configuration. Raises FileError."""
    write_json(run.result, {**run.config.to_fields(), **to_fields(result)})


def load_members(path: Path, config: RunConfig, count: int) -> Generator:
    """Load the generator of `count` members of a run. Raises FileError where the file holds another."""
    generator, _ = Generator.load(path)
    if generator.members != count:
        raise FileError(f"{path} holds {generator.members} members; the run's config.json asks for {count}")
    if generator.specs != config.specs:
        raise FileError(f"{path} generates other networks than the run's config.json asks for")
    return generator
