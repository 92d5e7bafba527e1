"""Work on a run as it is watched, and say what came out."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.text import Text

from hypergraph.analysis.report import report
from hypergraph.cli.output import err, notify, out, print_json
from hypergraph.engines.base import Engine, TrainingError
from hypergraph.errors import FileError
from hypergraph.experiment.display import Display
from hypergraph.experiment.repeat import same_networks
from hypergraph.experiment.run import run_experiment
from hypergraph.runs.directory import RunDirectory
from hypergraph.storage.untrusted import read_json


def work(run: RunDirectory, engine: Engine, json: bool, source: Path | None) -> None:
    """Do what is left to do of a run and print the result; compare it with the run `source` if it repeats one.

    Raises HypergraphError, KeyboardInterrupt; what was saved is kept, and how to go on is told.
    """
    try:
        with Display(run, err) as display:
            finished = run_experiment(run, engine, display)
    except (KeyboardInterrupt, TrainingError, FileError):
        if run.path.exists():
            notify(f"Stopped. What was saved is kept; go on with: {resume_command(run.config.task, run.path)}")
        raise
    if json:
        print_json(read_json(run.result))
    else:
        for part in report(run.config, finished.result):
            out.print(part, soft_wrap=isinstance(part, Text))
    if source:
        notify(_compared(run, source))
    notify(f"Everything is in {run.path}")


def resume_command(task: str, path: Path) -> str:
    """What to type to go on with a run."""
    return shlex.join(["hypergraph", "run", task, "--resume", "--out", str(path)])


def _compared(run: RunDirectory, source: Path) -> str:
    """Whether a repeated run has the numbers that its source recorded, in words."""
    match same_networks(run, source):
        case None:
            return f"{source} records no networks to compare with"
        case True:
            return f"Every number of every network is as in {source}"
        case _:
            return f"The numbers of the networks differ from {source}"
