"""The run that `hypergraph run` works on: a new, shipped, repeated or resumed one."""

from __future__ import annotations

from pathlib import Path

import typer

from hypergraph.cli.output import notify
from hypergraph.engines.base import Engine
from hypergraph.errors import UsageError
from hypergraph.experiment.plan import RUNS, Request, changes_here, plan, plan_repeat, plan_shipped, start
from hypergraph.extensions.options import read_options
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.directory import RunDirectory, latest_run
from hypergraph.spec import MLPSpec

FLAGS = {"options": "set", "source": "from"}
"""Parameters whose option has another name."""
FIXED_WHEN_RESUMED = ("members", "steps", "layers", "preset", "wiring", "pretrained", "options", "seed", "device")
"""Options that a resumed run takes from its start."""
FIXED_WHEN_REPEATED = (*(name for name in FIXED_WHEN_RESUMED if name != "device"), "resume")
"""Options that a repeated run takes from its source, and --resume; it may use another device."""
FIXED_WHEN_SHIPPED = ("members", "steps", "layers", "preset", "wiring", "options", "device", "engine", "address")
"""Options of a training, which shipped generators do not need."""


def new(context: typer.Context, engine: Engine, out: Path | None) -> RunDirectory:
    """A new run, planned from the command's options. Raises HypergraphError."""
    params = context.params
    task = _required(params["task"])
    options = read_options(TASKS.load_class(task).Options, params["options"] or ())
    networks = tuple(spec for text in params["layers"] or () for spec in MLPSpec.parse_all(text))
    others = {name: params[name] for name in ("members", "steps", "preset", "wiring", "seed", "device")}
    return start(plan(Request(task, networks=networks, options=options, **others), engine), out)


def shipped(context: typer.Context, task: str | None, seed: int, out: Path | None) -> RunDirectory:
    """A new run that analyses the shipped generators of a task. Raises HypergraphError."""
    _refuse(context, FIXED_WHEN_SHIPPED, "shipped generators have their own", "or --pretrained")
    return start(plan_shipped(_required(task), seed), out)


def repeated(context: typer.Context, engine: Engine, task: str | None, source: Path, out: Path | None) -> RunDirectory:
    """A new run that repeats another. Raises HypergraphError."""
    _refuse(context, FIXED_WHEN_REPEATED, "a repeated run has its", "or --from")
    device = context.params["device"] if _was_given(context, "device") else None
    config, changes = plan_repeat(source, engine, device)
    _check_task(task or config.task, config.task, source)
    _warn_of_changes(source, changes)
    return start(config, out)


def resumed(context: typer.Context, engine: Engine, task: str | None, out: Path | None) -> RunDirectory:
    """The run to resume: the one in `out`, or the last one of the task. Raises HypergraphError."""
    _refuse(context, FIXED_WHEN_RESUMED, "a resumed run keeps its", "or start a new run")
    name = _required(task)
    folder = RUNS / TASKS.find(name).name
    path = out or latest_run(folder)
    if path is None:
        raise UsageError(f"nothing to resume in {folder}: name a run with --out, or leave out --resume to start one")
    directory = RunDirectory.open(path)
    _check_task(name, directory.config.task, path)
    notify(f"Going on with {path}")
    if not directory.is_trained:
        _warn_of_changes(path, changes_here(directory.config, engine))
    return directory


def where(context: typer.Context) -> list[str]:
    """The words that name the engine and its address again, as far as they were given on the command line."""
    names = [name for name in ("engine", "address") if _was_given(context, name)]
    return [word for name in names for word in (f"--{name}", context.params[name])]


def _warn_of_changes(path: Path, changes: list[str]) -> None:
    """Warn about versions or hardware that differ from those recorded."""
    if changes:
        notify(f"{path} was started with {', '.join(changes)}: its numbers may differ")


def _required(task: str | None) -> str:
    if task is None:
        raise UsageError(f"name a TASK, such as {' or '.join(TASKS.names())}, or a run to repeat with --from")
    return task


def _check_task(task: str, task_of_run: str, path: Path) -> None:
    if task.rpartition("/")[2] != task_of_run.rpartition("/")[2]:
        raise UsageError(f"{path} is a run of {task_of_run}, not of {task}")


def _refuse(context: typer.Context, options: tuple[str, ...], reason: str, alternative: str) -> None:
    """Raise UsageError if any of these options was given."""
    if flags := [f"--{FLAGS.get(name, name)}" for name in options if _was_given(context, name)]:
        raise UsageError(f"{reason} {' and '.join(flags)}: leave them out, {alternative}")


def _was_given(context: typer.Context, name: str) -> bool:
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
