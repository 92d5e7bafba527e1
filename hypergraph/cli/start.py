"""The run that `hypergraph run` works on: a new one, one to go on with, or one to do again."""

from __future__ import annotations

from pathlib import Path

import typer

from hypergraph.cli.output import notify
from hypergraph.engines.base import Engine
from hypergraph.errors import UsageError
from hypergraph.experiment.plan import RUNS, Request, plan, plan_shipped, start
from hypergraph.experiment.repeat import check_here, plan_repeat
from hypergraph.extensions.options import read_options
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.directory import RunDirectory, latest_run
from hypergraph.spec import MLPSpec

FLAGS = {"options": "set", "source": "from"}
"""Parameters whose option has another name."""
KEPT = ("members", "steps", "layers", "preset", "wiring", "pretrained", "options", "seed", "device")
"""Options that a run is started with and keeps."""
KEPT_BY_REPEATED = (*(name for name in KEPT if name != "device"), "resume")
"""Options that a repeated run has already, or that make no sense for it; the device may be another."""
KEPT_BY_SHIPPED = ("members", "steps", "layers", "preset", "wiring", "options", "device", "engine")
"""Options that make no sense for generators that come trained."""


def new(context: typer.Context, engine: Engine, out: Path | None) -> RunDirectory:
    """A new run, as the options of the command ask for it. Raises HypergraphError."""
    given = context.params
    task = _named(given["task"])
    options = read_options(TASKS.load_class(task).Options, given["options"] or ())
    networks = [spec for text in given["layers"] or () for spec in MLPSpec.parse_all(text)]
    kept = {name: given[name] for name in ("members", "steps", "preset", "wiring", "seed", "device")}
    return start(plan(Request(task, networks=networks, options=options, **kept), engine), out)


def shipped(context: typer.Context, task: str | None, seed: int, out: Path | None) -> RunDirectory:
    """A new run that analyses the generators of a task. Raises HypergraphError."""
    _refuse_given(context, "shipped generators have their own", KEPT_BY_SHIPPED, "or --pretrained")
    return start(plan_shipped(_named(task), seed), out)


def repeated(context: typer.Context, task: str | None, source: Path, out: Path | None) -> RunDirectory:
    """A new run that does again what another did. Raises HypergraphError."""
    _refuse_given(context, "a repeated run has its", KEPT_BY_REPEATED, "or --from")
    config, changed = plan_repeat(source, context.params["device"] if _was_given(context, "device") else None)
    _check_task(task or config.task, config.task, source)
    _tell_changed(source, changed)
    return start(config, out)


def resumed(context: typer.Context, task: str | None, out: Path | None) -> RunDirectory:
    """A run to go on with: the one in `out`, or the last one of the task. Raises HypergraphError."""
    _refuse_given(context, "a resumed run keeps its", KEPT, "or start a new run")
    name = _named(task)
    folder = RUNS / TASKS.find(name).name
    path = out or latest_run(folder)
    if path is None:
        raise UsageError(f"nothing to resume in {folder}: name a run with --out, or leave out --resume to start one")
    directory = RunDirectory.open(path)
    _check_task(name, directory.config.task, path)
    notify(f"Going on with {path}")
    if not directory.generator.exists():
        _tell_changed(path, check_here(directory.config))
    return directory


def _tell_changed(path: Path, changed: list[str]) -> None:
    if changed:
        notify(f"{path} was started with {', '.join(changed)}: its numbers may differ")


def _named(task: str | None) -> str:
    if task is None:
        raise UsageError(f"name a TASK, such as {' or '.join(TASKS.names())}, or a run to repeat with --from")
    return task


def _check_task(asked: str, found: str, path: Path) -> None:
    if asked.rpartition("/")[2] != found.rpartition("/")[2]:
        raise UsageError(f"{path} is a run of {found}, not of {asked}")


def _refuse_given(context: typer.Context, message: str, options: tuple[str, ...], otherwise: str) -> None:
    given = [f"--{FLAGS.get(name, name)}" for name in options if _was_given(context, name)]
    if given:
        raise UsageError(f"{message} {' and '.join(given)}: leave them out, {otherwise}")


def _was_given(context: typer.Context, name: str) -> bool:
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
