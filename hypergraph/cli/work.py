"""Complete a run under a display, and print its result."""

from __future__ import annotations

import shlex
from pathlib import Path

from hypergraph.analysis.report import report
from hypergraph.cli.output import err, notify, print_json, show
from hypergraph.engines.base import Engine, TrainingError
from hypergraph.errors import FileError
from hypergraph.experiment.display import Display
from hypergraph.experiment.run import run_experiment, same_networks
from hypergraph.runs.directory import RunDirectory
from hypergraph.storage.untrusted import read_json


def work(run: RunDirectory, engine: Engine, json: bool, source: Path | None, where: list[str]) -> None:
    """Complete a run and print its result; compare it with the run `source` if it repeats one.

    `where` are the words of a command that say on which engine it goes on.

    Raises HypergraphError, KeyboardInterrupt, and prints the command that resumes the run.
    """
    try:
        with Display(run, err) as display:
            finished = run_experiment(run, engine, display)
    except (KeyboardInterrupt, TrainingError, FileError):
        if run.path.exists():
            command = shlex.join(["hypergraph", "run", run.config.task, "--resume", "--out", str(run.path), *where])
            notify(f"Stopped. What was saved is kept; go on with: {command}")
        raise
    if json:
        print_json(read_json(run.result))
    else:
        for part in report(run.config, finished.result):
            show(part)
    if source:
        comparison = {
            True: f"Every number of every network is as in {source}",
            False: f"The numbers of the networks differ from {source}",
            None: f"{source} records no networks to compare with",
        }
        notify(comparison[same_networks(run, source)])
    notify(f"Everything is in {run.path}")
    if run.report.is_file():
        notify(f"To look at: {run.report}")
