"""An analysis whose jobs travel finds what one in this process does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from crash.trial import differences

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.sweep import Swept, sweep_all
from hypergraph.engines.travel import do_packed, name_of, pack, unpack
from hypergraph.experiment.run import sweep
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Noticed, Observer, Progressed
from hypergraph.runs.jobs import J, R, doing, map_here
from hypergraph.runs.provenance import current_versions


def map_as_text(
    run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
) -> Generator[tuple[str, R]]:
    """Do jobs in this process, the last first, with nothing but what travels."""
    for name, job in [*jobs.items()][::-1]:
        with TemporaryDirectory() as folder:
            yield name, unpack(do_packed(name_of(function), pack(job), run.config.threads, Path(folder)), function)


def test_an_analysis_whose_jobs_travel_is_the_same(copied: Path) -> None:
    for name in ("networks", "analysis"):
        shutil.rmtree(copied / name, ignore_errors=True)
    other = copied.with_name("other")
    shutil.copytree(copied, other)
    for folder, each in ((copied, map_here), (other, map_as_text)):
        directory = RunDirectory.open(folder)
        with directory.lock():
            records, places = sweep_all(directory, each)
        assert [place.members for place in places] == [(0, 0), (1, 1)][:: 1 if each is map_here else -1]
        finished = FinishedRun(directory, each=each)
        assert sorted(records, key=lambda n: (n.beta, n.member)) == list(finished.result.networks)
        assert finished.phases
        assert finished.programs
    assert differences(copied, other) == []


def test_no_work_goes_on_after_an_error(copied: Path) -> None:
    told = list[object]()

    def each(
        run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
    ) -> Generator[tuple[str, R]]:
        try:
            yield from map_here(run, function, jobs, observe)
        finally:
            told.append("closed")

    def fail() -> None:
        jobs = dict.fromkeys("abc", Noticed("a job"))
        run = RunDirectory.open(copied)
        with doing(each, run, lambda job, observe: told.append(job), jobs, "stage", told.append) as done:
            for _ in done:
                raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert told == [Progressed("stage", 0, 3), Noticed("a job"), "closed"]


def test_a_result_tells_what_was_swept_on_another_machine(copied: Path) -> None:
    def each(
        run: RunDirectory, function: Callable[[J, Observer], R], jobs: Mapping[str, J], observe: Observer
    ) -> Generator[tuple[str, R]]:
        for name, result in map_here(run, function, jobs, observe):
            if isinstance(result, Swept) and result.place.members == (1, 1):
                result.place.versions["processor"] = "another"
            yield name, result

    directory = RunDirectory.open(copied)
    with directory.lock():
        found = sweep(directory, each).provenance[-2:]
    places = [(place.members, place.step, place.versions["processor"]) for place in found]
    assert places == [((0, 1), None, current_versions("l1norm", "cpu")["processor"]), ((1, 1), None, "another")]
