"""Run directories and their configuration."""

import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hypergraph.errors import FileError, UsageError
from hypergraph.runs import directory
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory, latest_run, new_folder
from hypergraph.spec import MLPSpec
from hypergraph.training.failures import Failure
from hypergraph.training.recipe import Recipe

CONFIG = RunConfig("l1norm", (MLPSpec((4, 8, 1)),), 5, 7, "cpu", Recipe(steps=10))
RECIPE = msgspec.to_builtins(CONFIG.recipe)


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
        ("members", 0, r"config\.json: members is 0: expected int >= 1$"),
        ("members", "two", "members is 'two': expected int$"),
        ("seed", True, "seed is True: expected int$"),
        ("task", None, "task is None: expected str$"),
        ("specs", [{"sizes": [4]}], r"specs\[0\].sizes is \[4\]: expected list of length >= 2$"),
        ("specs", [], r"specs is \[\]: expected list of length >= 1$"),
        ("recipe", {**RECIPE, "wiring": 2.0}, r"recipe\.wiring is 2.0: expected float <= 1"),
        ("recipe", {**RECIPE, "wiring": "much"}, r"recipe\.wiring is 'much': expected float \| list \| null$"),
        ("recipe", {**RECIPE, "depth": 2}, r"recipe\.depth is unknown: expected one of steps, batch, "),
        ("chunk_count", 6, "chunk_count is 6: expected int <= 5"),
        ("format_version", 99, "format_version is 99: expected 4$"),
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
    assert latest_run(tmp_path) is None


@given(members=st.integers(1, 50), data=st.data())
def test_chunks_cover_the_members_in_order(members: int, data: st.DataObject) -> None:
    config = replace(CONFIG, members=members, chunk_count=data.draw(st.integers(1, members)))
    assert [member for part in config.member_ranges for member in part] == list(range(members))
    assert len(config.member_ranges) == config.chunk_count
    assert max(map(len, config.member_ranges)) - min(map(len, config.member_ranges)) <= 1


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, CONFIG)
    with run.lock(), pytest.raises(FileError, match="another process works on"), run.lock():
        pass
    with run.lock():
        pass


def test_of_two_that_start_in_one_folder_at_once_one_does(tmp_path: Path) -> None:
    def create(seed: int) -> RunConfig | None:
        try:
            return RunDirectory.create(folder, replace(CONFIG, seed=seed)).config
        except (UsageError, FileError):
            return None

    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            folder = tmp_path / str(number)
            (winner,) = filter(None, pool.map(create, range(4)))
            assert RunDirectory.open(folder).config == winner


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="is not empty: choose another folder"):
        RunDirectory.create(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_can_start_where_one_was_killed_before_it_was_one(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / ".config.json.x1.partial").touch()
    run = RunDirectory.create(tmp_path, CONFIG)
    with run.lock():
        assert not list(tmp_path.glob(".*"))
    assert RunDirectory.open(tmp_path).config == CONFIG


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(directory, "datetime", Stopped)
    names = [new_folder(tmp_path / "runs").name for _ in range(3)]
    assert names == ["2026-01-02-030405", "2026-01-02-030405-2", "2026-01-02-030405-3"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOLCK, errno.ENOSPC, errno.ESTALE])
@pytest.mark.parametrize("function", ["os.open", "fcntl.flock"])
def test_a_lock_that_cannot_be_had_is_named(
    function: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    run = RunDirectory.create(tmp_path, CONFIG)
    monkeypatch.setattr(function, refuse)
    with pytest.raises(FileError) as error, run.lock():
        pass
    assert str(error.value) == f"cannot write {tmp_path / 'lock'}: {os.strerror(number)}"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_lock_may_be_taken_by_whom_the_umask_admits(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        run = RunDirectory.create(tmp_path / "run", replace(CONFIG, chunk_count=1))
        with run.lock(), run.chunks[0].lock():
            pass
    finally:
        os.umask(before)
    for lock in (run.path / "lock", run.chunks[0].folder / "lock"):
        assert stat.S_IMODE(lock.stat().st_mode) == mode


def test_what_was_logged_past_the_state_is_dropped(tmp_path: Path) -> None:
    chunk = Chunk(tmp_path, range(2))
    chunk.folder.mkdir()
    early, late = Failure(1, 10, 0, None, 2.0, False), Failure(1, 25, 20, None, 2.0, False)
    for step in (10, 20, 30):
        chunk.append_metrics({"step": step})
    chunk.write_failures([early, late])
    chunk.rewind(20, [early])
    assert [json.loads(line)["step"] for line in chunk.metrics.read_text().splitlines()] == [10, 20]
    assert json.loads(chunk.failures.read_text()) == [msgspec.to_builtins(early)]


@pytest.mark.parametrize("line", ["[", "5", "{}", '{"step": "2"}', "[" * 100_000])
def test_metrics_of_a_stranger_are_named(line: str, tmp_path: Path) -> None:
    chunk = Chunk(tmp_path, range(2))
    chunk.folder.mkdir()
    chunk.metrics.write_text(line + "\n")
    with pytest.raises(FileError, match=r"metrics.jsonl holds other lines than a training writes"):
        chunk.rewind(20, [])


def test_a_run_whose_links_lead_out_of_it_is_refused(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", CONFIG)
    (tmp_path / "run" / "figures").symlink_to(tmp_path)
    with pytest.raises(FileError, match="figures is a link that leads out of"):
        RunDirectory.open(tmp_path / "run")


@pytest.mark.parametrize("written", [None, b"\xff\n", b'{"step": "x"}\n', b"[" * 10_000, b"3\n"])
def test_damaged_metrics_are_told_and_not_waited_for(tmp_path: Path, written: bytes | None) -> None:
    (chunk,) = RunDirectory.create(tmp_path / "run", replace(CONFIG, chunk_count=1)).chunks
    chunk.folder.mkdir(parents=True)
    if written is None:
        os.mkfifo(chunk.metrics)
    else:
        chunk.metrics.write_bytes(written)
    with pytest.raises(FileError, match=r"metrics\.jsonl"):
        chunk.rewind(3, [])
