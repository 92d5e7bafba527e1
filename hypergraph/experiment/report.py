"""Write the report of finished runs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.report.write import write_report
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Noticed, Observer, ignore
from hypergraph.storage.schema import as_path
from hypergraph.torch_state import torch_threads, usual_torch


def report_if_possible(run: FinishedRun) -> None:
    """Write the report of a run, or tell the observer why there is none: a broken plugin must not fail the run."""
    try:
        write_report([run], run.directory.report)
    except HypergraphError as error:
        run.observe(Noticed(f"no report: {error}"))
    except (Exception, SystemExit) as error:
        run.observe(Noticed(f"no report: {attribute_error(error) or f'it raised {error!r}'}"))


@usual_torch()
def report(runs: Sequence[RunDirectory], observe: Observer = ignore, out: Path | str | None = None) -> Path:
    """Write the report of one finished run, or of several beside each other; returns its path.

    With a file `out`, nothing is written into the runs. Raises BusyError, FileError, PluginError, and UsageError for
    several runs without `out`.
    """
    path = runs[0].report if out is None else as_path(out, "out")
    if len(runs) > 1 and out is None:
        raise UsageError("several runs have one report: name its file with out")
    with ExitStack() as stack:
        stack.enter_context(torch_threads(runs[0].config.threads))
        finished = []
        for run in runs:
            scratch = None if out is None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if out is None:
                stack.enter_context(run.lock())
            finished.append(FinishedRun(run, observe, scratch))
        write_report(finished, path)
    return path
