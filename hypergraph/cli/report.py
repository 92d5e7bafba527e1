"""hypergraph report: the page to look at, of one finished run or of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.output import err
from hypergraph.cli.output import out as stdout
from hypergraph.errors import UsageError


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished runs, shown beside each other.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write this file, and nothing into RUN; RUN/report.html if not given."),
    ] = None,
) -> None:
    """Write one HTML file to look at a run: its networks move, and it needs no network and no server."""
    if out is None and len(runs) > 1:
        raise UsageError("several runs have one report: name its file with --out")
    from hypergraph.experiment.display import Display
    from hypergraph.experiment.report import report as write
    from hypergraph.runs.directory import RunDirectory

    directories = [RunDirectory.open(run) for run in runs]
    with Display(directories[0], err) as display:
        path = write(directories, display, out)
    stdout.print(str(path), soft_wrap=True)
