"""hypergraph figures: the paper's figures, and those that go beyond it, from a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.options import Json
from hypergraph.cli.output import err, out, print_json
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.figures import NAMES


def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", autocompletion=lambda: list(NAMES), help=f"{', '.join(NAMES)}; may be repeated."),
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
        events = draw_figures(directory, only or NAMES, display)
    drawn = {event.figure: event.files for event in events if isinstance(event, Drawn)}
    missing = {event.figure: event.reason for event in events if isinstance(event, NotDrawn)}
    if missing and (only or not drawn):
        raise HypergraphError("; ".join(f"{name} not drawn: {reason}" for name, reason in missing.items()))
    if json:
        print_json({"figures": {name: list(map(str, files)) for name, files in drawn.items()}, "missing": missing})
        return
    for name, files in drawn.items():
        out.print(f"{files[0]}: {NAMES[name]}", soft_wrap=True)
    for name, reason in missing.items():
        out.print(f"{name} not drawn: {reason}", soft_wrap=True)
