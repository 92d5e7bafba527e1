"""Runs of many members: all in a table, a sample of them as files. Here "many" is more than three."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas
import pytest
from msgspec.structs import replace
from processes import Command

from hypergraph.analysis import population
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import best_of
from hypergraph.analysis.population import generate_again, sweep_population
from hypergraph.analysis.report import as_html, report
from hypergraph.analysis.sweep import BETA_GRID, Sweep, Swept, sweep_chunk
from hypergraph.engines.base import Engine, Resources
from hypergraph.engines.chunk import train_chunk
from hypergraph.errors import UsageError
from hypergraph.experiment import run as experiment
from hypergraph.experiment.generation import generate
from hypergraph.experiment.run import run_experiment, sweep, train
from hypergraph.figures.catalogue import draw
from hypergraph.runs import config as configuration
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Drawn, Event, Members, Noticed, Observer
from hypergraph.runs.records import NetworkRecord
from hypergraph.runs.result import write_result
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import equal
from hypergraph.training.recipe import Recipe
from hypergraph.weights import MLPWeights

CONFIG = RunConfig("l1norm", (MLPSpec((2, 3, 1)),), 6, 5, "cpu", Recipe(steps=2, batch=8), chunk_count=2)


class Small(NamedTuple):
    """What a run is of which every network is a file."""

    path: Path
    rows: list[dict[str, Any]]
    arrays: dict[str, Any]
    records: tuple[NetworkRecord, ...]
    steps: dict[tuple[int, int], MLPWeights]

    def network(self, member: int, beta: float) -> MLPWeights:
        (file,) = (record.file for record in self.records if (record.member, record.beta) == (member, beta))
        return MLPWeights.load(self.path / file)[0]


class HereEngine(Engine):
    """Trains in this process, where "many" has another meaning."""

    def resources(self, device: str) -> Resources:
        return Resources(1, 1, 2**30)

    def train(self, run: RunDirectory, observe: Observer) -> None:
        for chunk in run.chunks:
            if not chunk.trained.exists():
                train_chunk(run, chunk, observe, threading.Event())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The same run where six members are few."""
    run = RunDirectory.create(tmp_path_factory.mktemp("small") / "run", CONFIG)
    with run.lock():
        train(run, HereEngine())
        write_result(run, sweep(run))
    finished = FinishedRun(run)
    steps = {
        (step, member): generate(run.path, 1e-4, member=member, step=step) for step in (1, 2) for member in range(6)
    }
    return Small(run.path, finished.rows, finished.arrays(), finished.result.networks, steps)


@pytest.fixture(scope="module")
def few_are_many(small: Small) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "MOST_AS_FILES", 3)
        patch.setattr(configuration, "SAMPLE", 2)
        patch.setattr(experiment, "NAMES", ["algorithms"])
        patch.setattr(experiment, "report_if_possible", lambda run: None)
        patch.setattr(experiment, "_programs", lambda run: ())
        configuration._draw_sample.cache_clear()
        yield
    configuration._draw_sample.cache_clear()


@pytest.fixture(scope="module")
def made(few_are_many: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, seen = RunDirectory.create(tmp_path_factory.mktemp("large") / "run", CONFIG), list[Event]()
    finished = run_experiment(run, HereEngine(), seen.append)
    assert any(isinstance(event, Noticed) and run.config.sample_note in event.text for event in seen)
    return finished.path


@pytest.fixture
def large(made: Path, tmp_path: Path) -> FinishedRun:
    """A copy, which may be changed."""
    shutil.copytree(made, tmp_path / "run")
    return FinishedRun(RunDirectory.open(tmp_path / "run"))


def by_member_and_beta(records: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    return sorted(records, key=lambda record: (record.member, record.beta))


def by_member(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["member"], row["beta"]))


def test_a_run_of_few_members_samples_none_away() -> None:
    assert list(replace(CONFIG, members=256).sample) == list(range(256))
    assert not replace(CONFIG, members=256).sample_note


def test_the_sample_of_many_members_is_the_same_everywhere() -> None:
    many = replace(CONFIG, members=5_000)
    assert many.sample[:3] == (71, 81, 164)
    assert len(set(many.sample)) == 64
    assert list(many.sample) == sorted(many.sample)
    assert many.sample != replace(many, seed=6).sample
    parts = [many.sampled(range(start, start + 1_000)) for start in range(0, 5_000, 1_000)]
    assert [member for part in parts for member in part] == list(many.sample)


def test_the_table_has_the_numbers_of_a_run_of_few(small: Small, large: FinishedRun) -> None:
    sample = large.config.sample
    assert len(sample) == 2
    expected = [{**row, "file": row["file"] if row["member"] in sample else None} for row in by_member(small.rows)]
    assert large.rows == expected
    frame = large.table()
    pandas.testing.assert_frame_equal(frame, pandas.DataFrame(expected), check_dtype=False)
    assert list(large.arrays()) == list(small.arrays)


def test_the_result_has_the_records_of_the_sample(small: Small, large: FinishedRun) -> None:
    right = [record for record in small.records if record.member in large.config.sample]
    assert list(large.result.networks) == right
    assert sorted(path.name for path in large.directory.networks.iterdir()) == sorted(Path(r.file).name for r in right)
    for record in right:
        assert (large.path / record.file).read_bytes() == (small.path / record.file).read_bytes()


def test_other_networks_are_made_again_to_the_same_bits(small: Small, large: FinishedRun) -> None:
    member = next(member for member in range(6) if member not in large.config.sample)
    for beta in BETA_GRID[::10]:
        right = small.network(member, beta)
        assert equal(large.network(member, beta), right)
        assert equal(generate(large.path, beta, member=member), right)
    sampled = large.result.networks[0]
    assert equal(generate(large.path, sampled.beta, member=sampled.member), large.load_network(sampled))
    assert not equal(generate(large.path, 1e-4, member=member, seed=6), small.network(member, 1e-4))
    for wrong in (6, -1):
        with pytest.raises(UsageError, match=f"has members 0 to 5, not {wrong}"):
            large.network(wrong, 1e-4)
        with pytest.raises(UsageError, match=f"has members 0 to 5, not {wrong}"):
            generate(large.path, 1e-4, member=wrong)


def test_files_do_not_grow_with_the_members(small: Small, large: FinishedRun) -> None:
    run, sample = large.directory, large.config.sample
    assert not run.generator.exists()
    assert not list(run.path.rglob("state.safetensors"))
    assert not list(run.training.rglob("networks.parquet"))
    kept = [member for _, members, _ in run.checkpoints() for member in members]
    assert sorted(kept) == sorted([*sample, *sample])
    for step, members, _ in run.checkpoints():
        for member in members:
            assert equal(generate(run.path, 1e-4, member=member, step=step), small.steps[step, member])


def test_a_sweep_goes_on_where_it_was_killed(large: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole = large.directory, large.directory.table.read_bytes()
    done: list[Members] = []

    def until_killed(job: Sweep, observe: Observer) -> Swept:
        done.append(job.members)
        if kills and len(done) == 2:
            kills.clear()
            raise KeyboardInterrupt
        return sweep_chunk(job, observe)

    kills = [True]
    monkeypatch.setattr(population, "sweep_chunk", until_killed)
    run.table.unlink()
    with pytest.raises(KeyboardInterrupt):
        sweep_population(run)
    assert sweep_population(run)[0] == by_member_and_beta(large.result.networks)
    assert done == [(0, 2), (3, 5), (3, 5)]
    assert run.table.read_bytes() == whole
    sweep_population(run)
    assert len(done) == 3
    monkeypatch.setattr(population, "analysis_versions", lambda task: {"a": "newer one"})
    sweep_population(run)
    assert len(done) == 5


def test_what_is_of_a_sample_says_so(large: FinishedRun, tmp_path: Path) -> None:
    note = "a random sample: 2 of 6 members"
    assert note in as_html(report(large.config, large.result))
    (event,) = draw(large, ["rate"], tmp_path)
    assert isinstance(event, Drawn)
    assert note in (tmp_path / "rate.svg").read_text()
    members = {int(row["member"]) for row in pandas.read_csv(tmp_path / "rate.csv").to_dict("records")}
    assert members == set(large.config.sample)


def test_commands_say_that_they_show_a_sample(large: FinishedRun, made: Path, command: Command) -> None:
    note = "a random sample: 2 of 6 members"
    status, _, stderr = command("figures", large.path, "--only", "rate")
    assert (status, stderr.count(note)) == (0, 1), stderr
    for runs in ([large.path], [large.path, made]):
        status, stdout, stderr = command("discover", *runs)
        assert status == 0, stderr
        assert f"families, of {'; '.join(f'{note} of {run}' for run in runs)}\n" in stdout


def test_analyses_are_of_the_sample(large: FinishedRun) -> None:
    sample = large.config.sample
    assert {phase.member for phase in large.phases} == set(sample)
    assert set(large.outcomes) == set(large.wirings) == set(sample)
    assert {record.member for record in large.shuffle} == set(best_of(large.networks, lambda n: n.member))
    with pytest.raises(UsageError, match="keeps the generators of its 6 members apart"):
        _ = large.generator


def test_where_a_large_run_was_trained_is_told_once_for_each_kind(large: FinishedRun) -> None:
    trained = [entry.members for entry in large.result.provenance if entry.step is not None]
    assert trained == [(0, 2)]


def test_networks_come_again_only_from_a_run_that_is_trained(large: FinishedRun) -> None:
    assert isinstance(generate_again(large.directory, 0, 1e-4).networks, MLPWeights)
    large.directory.chunks[0].trained.unlink()
    with pytest.raises(UsageError, match="no trained generator"):
        generate(large.path, 1e-4)
