"""How long the default run lets its user wait: from the command to the first network of each algorithm, and to the end.

PYTHONPATH=tests python -m benchmarks.answer [RUN [OPTIONS OF hypergraph run]] makes the run. It tells of a finished one
too, which began when it wrote its configuration, a second or two after the command.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hypergraph.interfaces import UNKNOWN
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import Metrics
from hypergraph.runs.result import read_result


class First(NamedTuple):
    """The first network with a label that a run showed its user."""

    label: str
    step: int
    seconds: float
    loss: float | None


def firsts(run: RunDirectory, started: float) -> list[First]:
    """The first network of each algorithm that the run measured in training, and the first that solves the task."""
    solved_loss = read_result(run).solved_loss
    found: dict[str, First] = {}
    for metrics in sorted(_measurements(run), key=lambda metrics: metrics.time):
        rows = zip(metrics.algorithm, metrics.loss, strict=True)
        for label, loss in (pair for row in rows for pair in zip(*row, strict=True)):
            first = First(label or UNKNOWN, metrics.step, metrics.time - started, loss)
            found.setdefault(first.label, first)
            if loss is not None and loss < solved_loss:
                found.setdefault(f"any below {solved_loss:g}", first)
    found.pop(UNKNOWN, None)
    return [first._replace(label=label) for label, first in found.items()]


def _measurements(run: RunDirectory) -> Iterator[Metrics]:
    for path in run.training.rglob("metrics.jsonl"):
        for line in path.read_text().splitlines():
            yield msgspec.json.decode(line, type=Metrics)


def stages(run: RunDirectory, started: float, ended: float) -> dict[str, float]:
    """Seconds of each stage, told by when the run wrote the last file of each."""
    ends = {
        "training, with the start": run.generator.stat().st_mtime,
        "sweep": max(path.stat().st_mtime for path in run.networks.iterdir()),
        "figures": max(path.stat().st_mtime for path in run.figures.iterdir()),
        "programs": run.result.stat().st_mtime,
        "report": run.report.stat().st_mtime,
        "end of the command": ended,
    }
    begins = [started, *ends.values()]
    return {name: end - begin for (name, end), begin in zip(ends.items(), begins, strict=False)}


def make(path: Path, options: tuple[str, ...]) -> float:
    """Make a run. Returns when it started."""
    command = [str(Path(sys.executable).with_name("hypergraph")), "run", "l1norm", "--out", str(path), *options]
    started = time.time()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return started


def main(folder: str = "", *options: str) -> None:
    """Print a table of the first networks, and one of the stages."""
    path = Path(folder or Path(tempfile.mkdtemp()) / "run")
    known = (path / "config.json").is_file()
    started = (path / "config.json").stat().st_mtime if known else make(path, options)
    run = RunDirectory.open(path)
    ended = run.report.stat().st_mtime if known else time.time()
    print(f"{path}: {ended - started:.0f} s\n\n| first network | step | after | loss |\n|---|---|---|---|")
    for first in firsts(run, started):
        loss = "-" if first.loss is None else f"{first.loss:.3g}"
        print(f"| {first.label} | {first.step} | {first.seconds:.0f} s | {loss} |")
    print("\n| stage | seconds | share |\n|---|---|---|")
    for name, seconds in stages(run, started, ended).items():
        print(f"| {name} | {seconds:.1f} | {seconds / (ended - started):.0%} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
