"""Generators of a run's members, checked against what the run was asked to do."""

from __future__ import annotations

from pathlib import Path

from hypergraph.errors import FileError
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig


def load_members(path: Path, config: RunConfig, count: int) -> Generator:
    """The generator of `count` members of a run. Raises FileError where the file holds another."""
    generator, _ = Generator.load(path)
    if generator.members != count:
        raise FileError(f"{path} holds {generator.members} members; the run's config.json asks for {count}")
    if generator.specs != config.specs:
        raise FileError(f"{path} generates other networks than the run's config.json asks for")
    return generator
