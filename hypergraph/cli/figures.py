"""hypergraph figures: the paper's figures, and those that go beyond it, from a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.console import Json, out, print_json
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
    from hypergraph.errors import HypergraphError, UsageError

    for name in only or ():
        if name not in NAMES:
            raise UsageError(f"unknown figure {name!r}: there are {', '.join(NAMES)}")
    import torch

    from hypergraph.analysis.finished import FinishedRun
    from hypergraph.figures.catalogue import draw
    from hypergraph.runs.directory import RunDirectory
    from hypergraph.runs.events import Drawn, NotDrawn

    directory = RunDirectory.open(run)
    torch.set_num_threads(directory.config.threads)
    with directory.lock():
        events = list(draw(FinishedRun(directory), only or NAMES))
    files = {event.figure: [str(path) for path in event.files] for event in events if isinstance(event, Drawn)}
    missing = {event.figure: event.reason for event in events if isinstance(event, NotDrawn)}
    if missing and (only or not files):
        raise HypergraphError("; ".join(f"{name} not drawn: {reason}" for name, reason in missing.items()))
    if json:
        print_json({"figures": files, "missing": missing})
        return
    for name, paths in files.items():
        out.print(f"{paths[0]}: {NAMES[name]}", soft_wrap=True)
    for name, reason in missing.items():
        out.print(f"{name} not drawn: {reason}", soft_wrap=True)
