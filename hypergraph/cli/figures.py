"""hypergraph figures: the paper's figures, and those that go beyond it, from a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.options import Json
from hypergraph.cli.output import err, print_json
from hypergraph.cli.output import out as stdout
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.figures import NAMES


def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", autocompletion=lambda: list(NAMES), help=f"{', '.join(NAMES)}; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw into this folder, and write nothing into RUN.")
    ] = None,
    json: Json = False,
) -> None:
    """Draw the figures of RUN that its data allow: each as SVG, as PNG, and its numbers as CSV."""
    for name in only or ():
        if name not in NAMES:
            raise UsageError(f"unknown figure {name!r}: there are {', '.join(NAMES)}")
    from hypergraph.experiment.display import Display
    from hypergraph.experiment.run import draw_figures
    from hypergraph.runs.directory import RunDirectory
    from hypergraph.runs.events import Drawn, NotDrawn

    directory = RunDirectory.open(run)
    with Display(directory, err) as display:
        events = draw_figures(directory, only or NAMES, display, out)
    drawn = {event.figure: event.files for event in events if isinstance(event, Drawn)}
    missing = {event.figure: event.reason for event in events if isinstance(event, NotDrawn)}
    reasons = [f"{name} not drawn: {reason}" for name, reason in missing.items()]
    refused = "; ".join(reasons) if only or not drawn else ""
    if json and (drawn or not refused):
        print_json({"figures": {name: list(map(str, files)) for name, files in drawn.items()}, "missing": missing})
    elif not json:
        for line in [f"{files[0]}: {NAMES[name]}" for name, files in drawn.items()] + ([] if refused else reasons):
            stdout.print(line, soft_wrap=True)
    if refused:
        raise HypergraphError(refused)
