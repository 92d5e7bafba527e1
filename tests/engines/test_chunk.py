"""The training of a chunk, in this process: its schedules, its saved state, and where it says it was computed."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hypergraph.engines import chunk as chunk_module
from hypergraph.engines.chunk import CHECKPOINTS, checkpoint_steps, evenly_spread, train_chunk
from hypergraph.errors import FileError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import ignore
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer

CONFIG = RunConfig("l1norm", (MLPSpec((4, 6, 1)),), 2, 0, "cpu", Recipe(steps=6, batch=16))


class StopAfter(threading.Event):
    """Is set once it was asked so many times: first whether to wait for the chunk, then before every step."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times: Iterator[int] = iter(range(times))

    def is_set(self) -> bool:
        """Whether it is time."""
        return next(self.times, None) is None


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory.create(tmp_path / "run", CONFIG)
    with directory.lock():  # makes its folders
        return directory


def train(run: RunDirectory, steps: int | None = None) -> Chunk:
    """Train for so many steps, or to the end."""
    (chunk,) = run.chunks
    ended = train_chunk(run, chunk, ignore, threading.Event() if steps is None else StopAfter(steps + 1))
    assert ended == chunk.trained.exists()
    return chunk


def entries(chunk: Chunk) -> list[tuple[int | None, str]]:
    return [(entry.step, entry.versions["processor"]) for entry in chunk.read_provenance()]


@given(steps=st.integers(1, 10**6))
def test_checkpoints_end_with_the_last_step_and_grow_further_apart(steps: int) -> None:
    kept = sorted(checkpoint_steps(steps))
    assert kept[0] >= 1
    assert kept[-1] == steps
    assert len(kept) <= CHECKPOINTS
    if steps >= 1000:
        gaps = [later - earlier for earlier, later in pairwise([0, *kept])]
        assert len(gaps) == CHECKPOINTS
        assert all(less < more for less, more in pairwise(gaps))


@given(steps=st.integers(1, 10**9), times=st.integers(1, 100))
def test_evenly_spread_steps_end_with_the_last_and_are_equally_far_apart(steps: int, times: int) -> None:
    spread = sorted(evenly_spread(steps, times))
    assert spread[-1] == steps
    assert len(spread) == min(steps, times)
    gaps = {later - earlier for earlier, later in pairwise([0, *spread])}
    assert max(gaps) - min(gaps) <= 1


def test_a_training_stopped_before_its_first_step_is_gone_on_with(run: RunDirectory) -> None:
    chunk = train(run, 0)
    assert read_tensors(chunk.state)[1]["step"] == "0"
    assert train(run).trained.exists()


def test_a_training_is_stopped_only_where_it_is_checked(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, a member that diverged would be taken back at another step than in a training that is not stopped."""
    monkeypatch.setattr(Trainer, "checked", property(lambda trainer: trainer.steps_done % 4 == 0))
    assert read_tensors(train(run, 2).state)[1]["step"] == "4"


def test_a_training_stopped_while_it_waits_for_its_chunk_leaves_nothing(run: RunDirectory) -> None:
    (chunk,) = run.chunks
    with chunk.lock():
        assert not train_chunk(run, chunk, ignore, StopAfter(3))
    assert not chunk.state.exists()


def test_shipped_generators_are_not_trained(run: RunDirectory) -> None:
    with pytest.raises(FileError, match="there is nothing to train"):
        train(RunDirectory(run.path, replace(CONFIG, recipe=None)))


def test_where_work_goes_on_is_recorded_where_it_differs(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def on(processor: str) -> None:
        monkeypatch.setattr(chunk_module, "current_versions", lambda task, device: {"processor": processor})

    on("old")
    train(run, 2)
    assert entries(train(run, 1)) == [(0, "old")]
    on("new")
    assert entries(train(run, 0)) == [(0, "old"), (3, "new")]
    on("newest")
    assert entries(train(run, 1)) == [(0, "old"), (3, "newest")]  # nothing came of the new one's work
    on("old")
    (first, _, last) = train(run).read_provenance()
    assert (last.step, last.versions) == (4, first.versions)
    assert (last.members, last.threads) == ((0, 1), 1)


def test_a_run_of_an_earlier_release_has_no_provenance_yet(run: RunDirectory) -> None:
    chunk = train(run, 2)
    chunk.provenance.unlink()
    assert chunk.read_provenance() == []
    assert [entry.step for entry in train(run).read_provenance()] == [2]


def test_a_strangers_provenance_is_refused(run: RunDirectory) -> None:
    (chunk,) = run.chunks
    for text in ("[{}]", '[{"members": [0, 1], "step": "x", "versions": {}, "threads": 1}]', "{}", "["):
        chunk.provenance.write_text(text)
        with pytest.raises(FileError, match="provenance"):
            train(run, 1)
