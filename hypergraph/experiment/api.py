"""Experiments from Python: train, resume, open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from hypergraph.analysis.finished import FinishedRun
from hypergraph.engines.base import Engine
from hypergraph.experiment.display import Display
from hypergraph.experiment.plan import Request, load_engine, plan, start
from hypergraph.experiment.run import run_experiment
from hypergraph.experiment.streams import messages
from hypergraph.foreign import load_any_network
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer
from hypergraph.spec import Layers, read_layers
from hypergraph.storage.schema import as_path
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights


@usual_torch()
def train(
    task: str,
    *,
    members: int | None = None,
    steps: int | None = None,
    layers: Layers | Sequence[Layers] = (),
    preset: str = "quick",
    wiring: float | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    engine: str = "local",
    address: str | None = None,
    out: Path | str | None = None,
    observe: Observer | None = None,
) -> FinishedRun:
    """Train hypernetworks on a task, sweep the price of information, classify and draw, like `hypergraph run`.

    Args:
        task: the name of a task plugin.
        members: how many hypernetworks, each from its own seed; the preset's if None.
        steps: optimiser steps; the preset's if None.
        layers: the network, as sizes such as "16,48,1" or (16, 48, 1), as a file or as a spec; or several
            that one generator is trained on.
        preset: quick or paper.
        wiring: how far the encoder is wired to the weights at the start, from 0 to 1; the preset's if None.
        options: of the task.
        seed: determines every random number.
        device: auto, cpu, cuda or cuda:N.
        engine: the name of an engine plugin.
        address: the cluster of an engine that has one.
        out: the new run's folder; runs/TASK/TIME if None. `resume` continues an interrupted run.
        observe: receives the events; if None, a display shows them.

    Raises:
        HypergraphError: naming what is wrong.
        KeyboardInterrupt: after the training was saved.
    """
    networks = tuple(read_layers(layers))
    request = Request(task, members, steps, networks, preset, wiring, options or {}, seed, str(device))
    trainer = load_engine(engine, address)
    folder = None if out is None else as_path(out, "out")
    return _work(start(plan(request, trainer), folder).path, trainer, observe)


@usual_torch()
def resume(
    run: Path | str, *, engine: str = "local", address: str | None = None, observe: Observer | None = None
) -> FinishedRun:
    """Continue an interrupted run, to the same bits. Arguments and errors as of `train`."""
    return _work(run, load_engine(engine, address), observe)


def _work(run: Path | str, engine: Engine, observe: Observer | None) -> FinishedRun:
    directory = _open(run)
    if observe is not None:
        return run_experiment(directory, engine, observe)
    with Display(directory, Console(file=messages(), force_jupyter=False, highlight=False, markup=False)) as display:
        return run_experiment(directory, engine, display)


def open_run(path: Path | str) -> FinishedRun:
    """A finished run. Raises UsageError where there is no run, FileError where it is not finished."""
    return FinishedRun(_open(path))


def _open(path: Path | str) -> RunDirectory:
    """The run, which is found again after the current folder was changed."""
    return RunDirectory.open(as_path(path, "run").absolute())


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
