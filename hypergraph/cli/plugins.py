"""`hypergraph plugins`: which plugins are installed, and whether they load."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from hypergraph.cli.console import Json, complain, out, print_json
from hypergraph.registry import CLASSIFIERS, TASKS, VISUALIZERS, Plugin, PluginLoadError, Registry

app = typer.Typer(no_args_is_help=True)


@app.callback()
def plugins() -> None:
    """Show the installed plugins."""


@app.command("list")
def list_plugins(
    json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Load every plugin; exit 1 unless all are ok.")] = False,
) -> None:
    """List tasks, classifiers and visualizers."""
    rows = [
        dataclasses.asdict(plugin) | (_check(registry, plugin) if check else {})
        for registry in (TASKS, CLASSIFIERS, VISUALIZERS)
        for plugin in registry.plugins()
    ]
    if json:
        print_json(rows)
    else:
        _print_table(rows, check)
    if any(row.get("status", "ok") != "ok" for row in rows):
        raise typer.Exit(1)


def _check(registry: Registry[Any], plugin: Plugin) -> dict[str, str]:
    try:
        registry.load(plugin.name)
    except PluginLoadError as error:
        return {"status": error.status, "message": str(error)}
    return {"status": "ok", "message": ""}


def _print_table(rows: list[dict[str, str]], check: bool) -> None:
    fields = ["kind", "name", "distribution", "version", *(["status"] if check else [])]
    table = Table()
    for field in fields:
        table.add_column(field, no_wrap=True)
    table.add_column("description")
    for row in rows:
        # Text, because a stranger's metadata may hold what rich takes for markup.
        summary = Text(row["summary"], no_wrap=True, overflow="ellipsis")
        table.add_row(*(Text(row[field]) for field in fields), summary)
    out.print(table)
    for row in rows:
        if row.get("message"):
            complain(row["message"])
