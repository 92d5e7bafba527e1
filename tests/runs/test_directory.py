"""Run directories and their configuration."""

import dataclasses
import json
from pathlib import Path

import pytest

from hypergraph.errors import FileError, UsageError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory, latest_run
from hypergraph.spec import MLPSpec
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
        ("members", 0, "members is 0; it must be from 1 to 500"),
        ("members", "two", "members is 'two', not a whole number"),
        ("seed", True, "seed is True, not a whole number"),
        ("task", None, "task is None, not the name of a task"),
        ("specs", [{"sizes": [4]}], "specs: sizes needs at least an input and an output"),
        ("specs", [], "specs are no list of networks"),
        ("recipe", {**RECIPE, "wiring": 2.0}, "wiring is 2.0; it must be from 0 to 1"),
        ("recipe", {**RECIPE, "wiring": "much"}, "wiring is 'much', not a finite number"),
        ("recipe", {"steps": 3}, "recipe has other fields"),
        ("format_version", 99, "no configuration of format version 2"),
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


def test_chunks_cover_the_members_and_stay_as_they_were(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, CONFIG)
    chunks = run.chunks(2)
    assert [list(chunk.members) for chunk in chunks] == [[0, 1], [2, 3, 4]]
    for chunk in chunks:
        chunk.folder.mkdir(parents=True)
    assert [list(chunk.members) for chunk in run.chunks(4)] == [[0, 1], [2, 3, 4]]


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, CONFIG)
    with run.lock(), pytest.raises(FileError, match="another process works on"), run.lock():
        pass
    with run.lock():
        pass


def test_metrics_past_the_state_and_torn_lines_are_dropped(tmp_path: Path) -> None:
    chunk = Chunk(tmp_path, range(2))
    for step in (10, 20, 30):
        chunk.append_metrics({"step": step})
    with chunk.metrics.open("a") as file:
        file.write('{"step": 4')
    chunk.keep_metrics(20)
    assert [json.loads(line)["step"] for line in chunk.metrics.read_text().splitlines()] == [10, 20]
