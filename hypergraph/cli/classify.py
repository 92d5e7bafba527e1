"""hypergraph classify: which algorithm a network runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from hypergraph.cli.files import one_by_one
from hypergraph.cli.options import Activation, Json, load
from hypergraph.cli.output import print_json, show
from hypergraph.errors import UsageError, printable
from hypergraph.extensions.registry import TASKS


def classify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Networks, as safetensors.")],
    task: Annotated[
        str | None, typer.Option(autocompletion=TASKS.names, help="The task, if a file does not name it.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Name the nearest of the families found in this run.")
    ] = None,
    activation: Activation = None,
    json: Json = False,
) -> None:
    """Say which algorithm each network runs."""
    rows: list[dict[str, Any]] = []
    with one_by_one() as attempt:
        for file in files:
            with attempt(file):
                rows.append(_classify(file, task, activation, like))
        if rows:
            _print(rows, json)


def _print(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("file", "task", "algorithm", "confidence", "order parameters"):
        table.add_column(name, overflow="fold")
    for row in rows:
        values = ", ".join(f"{name} {value:.3g}" for name, value in row["order_parameters"].items())
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.2f}"  # not in percent: no probability
        table.add_row(*map(printable, (row["file"], row["task"] or "", row["algorithm"], confidence, values)))
    show(table)


def _classify(file: Path, task: str | None, activation: str | None, like: Path | None) -> dict[str, Any]:
    from hypergraph.experiment import networks
    from hypergraph.storage.atomic import finite

    network, metadata = load(file, activation)
    name = task or metadata.get("task")
    if name is None and like is None:
        raise UsageError(f"{file} does not say its task: name it with --task")
    verdict = networks.classify(network, name, like=like)
    return {"file": str(file), "task": name, **verdict._asdict(), "confidence": finite(verdict.confidence)}
