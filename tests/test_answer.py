"""The benchmark of the time to an answer reads a real run right."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from benchmarks.answer import firsts, stages
from crash.trial import Reference

from hypergraph.interfaces import UNKNOWN
from hypergraph.runs.directory import RunDirectory


@pytest.fixture
def run(whole: Reference, tmp_path: Path) -> RunDirectory:
    return RunDirectory.open(shutil.copytree(whole.folder, tmp_path / "run"))


def test_the_stages_of_a_run_follow_each_other(run: RunDirectory) -> None:
    started, ended = (run.path / "config.json").stat().st_mtime, run.report.stat().st_mtime + 1
    seconds = stages(run, started, ended)
    assert all(each >= 0 for each in seconds.values()), seconds
    assert sum(seconds.values()) == pytest.approx(ended - started)
    assert seconds["end of the command"] == pytest.approx(1)
    assert list(seconds)[:3] == ["training, with the start", "sweep", "figures"]


def test_the_first_of_each_label_counts(run: RunDirectory) -> None:
    logs = sorted(run.training.rglob("metrics.jsonl"))
    lines = [msgspec.json.decode(line) for line in logs[0].read_text().splitlines()[:3]]
    for log in logs[1:]:
        log.unlink()
    for number, (line, label) in enumerate(zip(lines, (UNKNOWN, "pudding", "convexity"), strict=True)):
        line |= {
            "time": 100.0 + number,
            "loss": [[0.5], [0.01], [None]],
            "algorithm": [[label], [UNKNOWN], ["pudding"]],
        }
    logs[0].write_text("".join(msgspec.json.encode(line).decode() + "\n" for line in reversed(lines)))
    first, last = lines[0]["step"], lines[2]["step"]
    assert set(firsts(run, 90.0)) == {
        ("pudding", first, 10, None),
        ("any below 0.1", first, 10, 0.01),
        ("convexity", last, 12, 0.5),
    }
