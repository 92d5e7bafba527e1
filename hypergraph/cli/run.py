"""hypergraph run: train, sweep, classify, draw."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hypergraph.cli.console import Device, Json, Layers, Seed, err, parse_device, parse_layers, print_json
from hypergraph.errors import UsageError
from hypergraph.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.runs.config import RunConfig
    from hypergraph.runs.directory import RunDirectory

RUNS = Path("runs")


def run(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", autocompletion=TASKS.names, help="A task plugin.")],
    members: Annotated[int | None, typer.Option(min=1, help="Hypernetworks to train, each from its own seed.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps.")] = None,
    layers: Layers = None,
    preset: Annotated[str, typer.Option(help="How much to train: quick or paper.")] = "quick",
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/TASK/TIME if not given.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out, or the last one.")] = False,
    json: Json = False,
) -> None:
    """Train hypernetworks on TASK, sweep the price of information, say which algorithms they found, and draw them."""
    from hypergraph.cli.pipeline import finish, train_with_progress
    from hypergraph.cli.report import print_report

    plugin = TASKS.find(task)
    if resume:
        _check_resumed(context)
        directory = _resumed(plugin.name, out)
    else:
        directory = _started(_config(task, members, steps, layers, preset, seed, device), out)
    with directory.lock(), contextlib.redirect_stdout(sys.stderr):  # a plugin may print; stdout is for the result
        result = finish(directory, train_with_progress(directory))
    if json:
        print_json(result)
    else:
        print_report(directory, result)
    err.print(f"Everything is in {directory.path}", soft_wrap=True)


def _config(
    task: str, members: int | None, steps: int | None, layers: str | None, preset: str, seed: int, device: str
) -> RunConfig:
    from hypergraph.memory import RECOMPUTED, check_memory
    from hypergraph.runs.config import RunConfig
    from hypergraph.training.recipe import PRESETS, Recipe

    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}: there are {' and '.join(PRESETS)}")
    plugin = TASKS.load(task)
    spec = parse_layers(layers, plugin.default_spec)
    plugin.check_spec(spec)
    if not spec.weight_count:
        raise UsageError("the masks leave no weight to generate")
    chosen = PRESETS[preset]
    count, where = members or chosen.members, parse_device(device)
    check_memory(spec, count, RECOMPUTED, where)
    return RunConfig(task, spec, count, seed, where, Recipe(steps=steps or chosen.steps))


KEPT = ("members", "steps", "layers", "preset", "seed", "device")
"""Options that a run is started with and keeps."""


def _check_resumed(context: typer.Context) -> None:
    given = [name for name in KEPT if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    if given:
        raise UsageError(f"a resumed run keeps its {' and '.join(given)}: leave them out, or start a new run")


def _started(config: RunConfig, out: Path | None) -> RunDirectory:
    from datetime import datetime

    from hypergraph.runs.directory import RunDirectory

    path = out or RUNS / config.task.rpartition("/")[2] / datetime.now().strftime("%Y-%m-%d-%H%M%S")
    return RunDirectory.create(path, config)


def _resumed(task: str, out: Path | None) -> RunDirectory:
    from hypergraph.memory import RECOMPUTED, check_memory
    from hypergraph.runs.directory import RunDirectory, latest_run

    directory = RunDirectory.open(out or latest_run(RUNS / task))
    config = directory.config
    check_memory(config.spec, config.members, RECOMPUTED, parse_device(config.device))
    if directory.config.task.rpartition("/")[2] != task:
        raise UsageError(f"{directory.path} is a run of {directory.config.task}, not of {task}")
    return directory
