"""Experiments from Python: train, resume, open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from hypergraph.analysis.finished import FinishedRun
from hypergraph.engines.base import Engine
from hypergraph.experiment.display import Display
from hypergraph.experiment.plan import Request, plan, start
from hypergraph.experiment.run import run_experiment
from hypergraph.experiment.streams import messages
from hypergraph.extensions.registry import ENGINES
from hypergraph.foreign import load_any_network
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights


def train(
    task: str,
    *,
    members: int | None = None,
    steps: int | None = None,
    layers: str | MLPSpec | Sequence[str | MLPSpec] = (),
    preset: str = "quick",
    wiring: float | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    engine: str = "local",
    out: Path | str | None = None,
    observe: Observer | None = None,
) -> FinishedRun:
    """Train hypernetworks on a task, sweep the price of information, classify and draw, like `hypergraph run`.

    Args:
        task: the name of a task plugin.
        members: how many hypernetworks, each from its own seed; the preset's if None.
        steps: optimiser steps; the preset's if None.
        layers: the network, as sizes such as "16,48,1" or as a spec; or several that one generator is trained on.
        preset: quick or paper.
        wiring: how far the encoder is wired to the weights at the start, from 0 to 1; the preset's if None.
        options: of the task.
        seed: determines every random number.
        device: auto, cpu, cuda or cuda:N.
        engine: the name of an engine plugin.
        out: the new run's folder; runs/TASK/TIME if None. `resume` continues an interrupted run.
        observe: receives the events; if None, a display shows them.

    Raises:
        HypergraphError: naming what is wrong.
        KeyboardInterrupt: after the training was saved.
    """
    texts = [layers] if isinstance(layers, (str, MLPSpec)) else layers
    networks = [spec for text in texts for spec in (MLPSpec.parse_all(text) if isinstance(text, str) else [text])]
    request = Request(task, members, steps, networks, preset, wiring, options or {}, seed, device)
    trainer = ENGINES.load(engine)
    directory = start(plan(request, trainer), None if out is None else Path(out))
    return _work(directory, trainer, observe)


def resume(run: Path | str, *, engine: str = "local", observe: Observer | None = None) -> FinishedRun:
    """Continue an interrupted run, to the same bits. Arguments and errors as of `train`."""
    return _work(RunDirectory.open(Path(run)), ENGINES.load(engine), observe)


def _work(directory: RunDirectory, engine: Engine, observe: Observer | None) -> FinishedRun:
    if observe is not None:
        return run_experiment(directory, engine, observe)
    with Display(directory, Console(file=messages(), force_jupyter=False, highlight=False, markup=False)) as display:
        return run_experiment(directory, engine, display)


def open_run(path: Path | str) -> FinishedRun:
    """A finished run. Raises UsageError where there is no run, FileError where it is not finished."""
    return FinishedRun(RunDirectory.open(Path(path)))


def load_network(
    source: Path | str | nn.Module | MLPWeights, activation: str | Sequence[str] | None = None
) -> MLPWeights:
    """One network from its safetensors file, or the network that a module is.

    Args:
        source: a file that `MLPWeights.save` wrote; a plain safetensors file of weights and biases of linear layers,
            whose names differ in one number; or an `nn.Sequential` of linear layers and activations.
        activation: of a plain file, unless its metadata name it: one name, or one for each hidden layer, as a list or
            separated by commas.

    Raises:
        SpecError: the module computes something else.
        FileError: the file is damaged, holds no network or several, or does not say its activation.
    """
    return load_any_network(source, activation)[0]
