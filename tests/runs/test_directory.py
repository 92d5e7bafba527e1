"""Run directories and their configuration."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypergraph.errors import FileError, UsageError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory, latest_run
from hypergraph.spec import MLPSpec
from hypergraph.training.failures import Failure
from hypergraph.training.recipe import Recipe

CONFIG = RunConfig("l1norm", (MLPSpec((4, 8, 1)),), 5, 7, "cpu", Recipe(steps=10))
RECIPE = dataclasses.asdict(CONFIG.recipe)


def test_a_run_is_found_again_as_it_was_asked_for(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", CONFIG)
    assert RunDirectory.open(tmp_path / "run").config == CONFIG


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    with pytest.raises(UsageError, match="already holds a run"):
        RunDirectory.create(tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("members", 0, "members is 0; it must be at least 1"),
        ("members", "two", "members is 'two', not int"),
        ("seed", True, "seed is True, not int"),
        ("task", None, "task is None, not str"),
        ("specs", [{"sizes": [4]}], "specs: sizes needs at least an input and an output"),
        ("specs", [], "specs are no list of networks"),
        ("recipe", {**RECIPE, "wiring": 2.0}, "wiring is 2.0; it must be from 0 to 1"),
        ("recipe", {**RECIPE, "wiring": "much"}, "wiring is 'much', not float"),
        ("recipe", {"steps": 3}, "recipe has other fields"),
        ("chunks", 6, "chunks are 6, more than its members"),
        ("format_version", 99, "no configuration of format version 3"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, field: str, value: object, message: str) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(FileError, match=message):
        RunDirectory.open(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        RunDirectory.open(tmp_path)
    with pytest.raises(UsageError, match="nothing to resume"):
        latest_run(tmp_path)


@given(members=st.integers(1, 50), data=st.data())
def test_chunks_cover_the_members_in_order(members: int, data: st.DataObject) -> None:
    config = dataclasses.replace(CONFIG, members=members, chunks=data.draw(st.integers(1, members)))
    assert [member for part in config.parts for member in part] == list(range(members))
    assert len(config.parts) == config.chunks
    assert max(map(len, config.parts)) - min(map(len, config.parts)) <= 1


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, CONFIG)
    with run.lock(), pytest.raises(FileError, match="another process works on"), run.lock():
        pass
    with run.lock():
        pass


def test_what_was_logged_past_the_state_is_dropped(tmp_path: Path) -> None:
    chunk = Chunk(tmp_path, range(2))
    chunk.folder.mkdir()
    early, late = Failure(1, 10, 0, None, 2.0, False), Failure(1, 25, 20, None, 2.0, False)
    for step in (10, 20, 30):
        chunk.append_metrics({"step": step})
    chunk.write_failures([early, late])
    chunk.rewind(20, [early])
    assert [json.loads(line)["step"] for line in chunk.metrics.read_text().splitlines()] == [10, 20]
    assert json.loads(chunk.failures.read_text()) == [dataclasses.asdict(early)]


@pytest.mark.parametrize("line", ["[", "5", "{}", '{"step": "2"}', "[" * 100_000])
def test_metrics_of_a_stranger_are_named(line: str, tmp_path: Path) -> None:
    chunk = Chunk(tmp_path, range(2))
    chunk.folder.mkdir()
    chunk.metrics.write_text(line + "\n")
    with pytest.raises(FileError, match=r"metrics.jsonl holds other lines than a training writes"):
        chunk.rewind(20, [])
