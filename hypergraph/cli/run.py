"""hypergraph run: train, sweep, classify, draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hypergraph.cli.console import Device, Json, Seed, err, parse_device, parse_networks, print_json
from hypergraph.cli.repeat import check_here, compared, repeated
from hypergraph.errors import UsageError
from hypergraph.extensions.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.runs.config import RunConfig
    from hypergraph.runs.directory import RunDirectory

RUNS = Path("runs")


def run(
    context: typer.Context,
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", autocompletion=TASKS.names, help="A task plugin.")
    ] = None,
    members: Annotated[int | None, typer.Option(min=1, help="Hypernetworks to train, each from its own seed.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps.")] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="The network: sizes such as 16,48,1, or a .json or .toml file. Several of these, or ranges such as "
            "8-40:4,x3,1, train one generator for all sizes, without an encoder.",
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help="How much to train: quick or paper.")] = "quick",
    wiring: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How far the encoder is wired to the weights at the start: 1 makes memorised assignments, 0 random "
            "ones. The quick preset has 1; in the paper preset every member draws its own.",
        ),
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Train nothing: analyse the generators that come with the task.")
    ] = False,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", envvar="HYPERGRAPH_RUN_SET", help="An option of the task; may be repeated."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/TASK/TIME if not given.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, or else the last one of TASK.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            envvar="HYPERGRAPH_RUN_FROM",
            help="Repeat a run, given its folder or its result.json.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train hypernetworks on TASK, sweep the price of information, say which algorithms they found, and draw them.

    Ctrl-C saves and ends; --resume goes on.
    """
    from hypergraph.cli.pipeline import complete
    from hypergraph.cli.report import print_report

    if source:
        _check_given(context, "a repeated run has its", KEPT_BY_REPEATED, "or --from")
        config = repeated(source, device if _was_given(context, "device") else None)
        _check_task(task or config.task, config.task, source)
        directory = start_run(config, out)
    elif task is None:
        raise UsageError(f"name a TASK, such as {' or '.join(TASKS.names())}, or a run to repeat with --from")
    elif resume:
        _check_given(context, "a resumed run keeps its", KEPT, "or start a new run")
        directory = _resumed(task, out)
    elif pretrained:
        _check_given(context, "shipped generators have their own", KEPT_BY_SHIPPED, "or --pretrained")
        directory = start_run(_shipped_config(task, seed), out)
    else:
        directory = start_run(make_config(task, options, members, steps, layers, preset, wiring, seed, device), out)
    result = complete(directory)
    if json:
        print_json(result)
    else:
        print_report(directory, result)
    if source:
        err.print(compared(result, source), soft_wrap=True)
    err.print(f"Everything is in {directory.path}", soft_wrap=True)


def make_config(
    task: str,
    options: list[str] | None,
    members: int | None,
    steps: int | None,
    layers: list[str] | None,
    preset: str,
    wiring: float | None,
    seed: int,
    device: str,
) -> RunConfig:
    """What :func:`run` was asked for, checked. Raises HypergraphError."""
    from dataclasses import replace

    from hypergraph.engines.base import plan_chunks
    from hypergraph.engines.local import LocalEngine
    from hypergraph.extensions.options import read_options
    from hypergraph.runs.config import RunConfig, current_versions
    from hypergraph.training.recipe import PRESETS

    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}: there are {' and '.join(PRESETS)}")
    fields = read_options(TASKS.load_class(task).Options, options) if options else {}
    plugin = TASKS.load(task, fields)
    specs = parse_networks(layers, plugin.default_spec)
    for spec in specs:
        plugin.check_spec(spec)
    chosen = PRESETS[preset]
    given: dict[str, Any] = {"steps": steps, "wiring": wiring}
    recipe = replace(chosen.recipe, **{name: value for name, value in given.items() if value is not None})
    count = chosen.members if members is None else members
    config = RunConfig(task, specs, count, seed, parse_device(device), recipe, fields)
    planned = plan_chunks(config, LocalEngine().resources(config.device))
    return replace(planned, versions=current_versions(task, config.device))


def _shipped_config(task: str, seed: int) -> RunConfig:
    from hypergraph.runs.config import RunConfig, current_versions
    from hypergraph.runs.pretrained import shipped_ensemble

    spec = TASKS.load(task).default_spec
    members = shipped_ensemble(task, spec).members
    return RunConfig(task, (spec,), members, seed, "cpu", None, versions=current_versions(task, "cpu"))


FLAGS = {"options": "set", "source": "from"}
"""Parameters whose option has another name."""
KEPT = ("members", "steps", "layers", "preset", "wiring", "pretrained", "options", "seed", "device")
"""Options that a run is started with and keeps."""
KEPT_BY_REPEATED = (*KEPT[:-1], "resume")
"""Options that a repeated run has already, or that make no sense for it; the device may be another."""
KEPT_BY_SHIPPED = ("members", "steps", "layers", "preset", "wiring", "options", "device")
"""Options that make no sense for generators that come trained."""


def _check_given(context: typer.Context, message: str, options: tuple[str, ...], otherwise: str) -> None:
    given = [f"--{FLAGS.get(name, name)}" for name in options if _was_given(context, name)]
    if given:
        raise UsageError(f"{message} {' and '.join(given)}: leave them out, {otherwise}")


def _was_given(context: typer.Context, name: str) -> bool:
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def start_run(config: RunConfig, out: Path | None) -> RunDirectory:
    """The new folder of a run; runs/TASK/TIME where none is named. Raises FileError, UsageError."""
    from hypergraph.runs.directory import RunDirectory, new_folder

    return RunDirectory.create(out or new_folder(RUNS / config.task.rpartition("/")[2]), config)


def _resumed(task: str, out: Path | None) -> RunDirectory:
    from hypergraph.runs.directory import RunDirectory, latest_run

    directory = RunDirectory.open(out or latest_run(RUNS / TASKS.find(task).name))
    config = directory.config
    _check_task(task, config.task, directory.path)
    err.print(f"Going on with {directory.path}", soft_wrap=True)
    if not directory.generator.exists():
        check_here(config, directory.path)
    return directory


def _check_task(asked: str, found: str, path: Path) -> None:
    if asked.rpartition("/")[2] != found.rpartition("/")[2]:
        raise UsageError(f"{path} is a run of {found}, not of {asked}")
