"""hypergraph plugins: list the installed plugins, check that they load, and write a project for a new one."""

from __future__ import annotations

import dataclasses
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from hypergraph.cli.options import Json
from hypergraph.cli.output import complain, contained, notify, print_json, show
from hypergraph.extensions.registry import REGISTRIES, TASKS, Plugin, PluginLoadError, Registry

app = typer.Typer(no_args_is_help=True)
new = typer.Typer(no_args_is_help=True)
app.add_typer(new, name="new")


@app.callback()
def plugins() -> None:
    """Show the installed plugins, or begin a new one."""


@new.callback()
def new_plugin() -> None:
    """Write a project for a new plugin."""


@new.command("task")
def new_task(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What users will type: small letters, digits and _.")],
    out: Annotated[Path | None, typer.Option(help="The project's folder; hypergraph-NAME if not given.")] = None,
) -> None:
    """Write a project for a task: an example's closed forms, classifier and tests, to be changed into yours."""
    from hypergraph.extensions import scaffold

    folder = out or Path(f"hypergraph-{name}")
    scaffold.new_task(name, folder)
    if name in TASKS.names():
        notify(f"there is a task {name} already: this one will be hypergraph-{name}/{name}")
    if find_spec(f"hypergraph_{name}"):
        notify(f"there is a package hypergraph_{name} already: do not install this one beside it")
    steps = f"cd {shlex.quote(str(folder))} && pip install -e . && hypergraph run {name}"
    notify(f"wrote {folder}: {steps}")


@app.command("list")
@contained
def list_plugins(
    json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Load every plugin; exit 1 unless all are ok.")] = False,
) -> None:
    """List tasks, classifiers, visualizers and engines."""
    rows = [
        dataclasses.asdict(plugin) | (_check(registry, plugin) if check else {})
        for registry in REGISTRIES
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
        # as Text, because a plugin's metadata may hold markup of rich
        summary = Text(row["summary"], no_wrap=True, overflow="ellipsis")
        table.add_row(*(Text(row[field]) for field in fields), summary)
    show(table)
    for row in rows:
        if row.get("message"):
            complain(row["message"])
