"""hypergraph run: train, sweep, classify, draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.options import Json, Seed
from hypergraph.extensions.registry import ENGINES, TASKS


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
            "ones. In the quick preset members have 1 and 0 in turn; in the paper preset each draws its own.",
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    engine: Annotated[
        str, typer.Option(autocompletion=ENGINES.names, help="Where the members are trained: an engine plugin.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The cluster of an engine that has one.")
    ] = None,
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
    from hypergraph.cli import start
    from hypergraph.cli.work import work
    from hypergraph.experiment.plan import load_engine

    trainer = load_engine(engine, address)
    if source:
        directory = start.repeated(context, trainer, task, source, out)
    elif resume:
        directory = start.resumed(context, trainer, task, out)
    elif pretrained:
        directory = start.shipped(context, task, seed, out)
    else:
        directory = start.new(context, trainer, out)
    work(directory, trainer, json, source, start.where(context))
