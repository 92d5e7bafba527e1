"""The functions of `import hypergraph as hg`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hypergraph.analysis.classify import Verdict
from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import UsageError
from hypergraph.experiment.display import Display
from hypergraph.experiment.networks import classify_network, draw_network, generate_network
from hypergraph.experiment.plan import Request, plan, start
from hypergraph.experiment.run import run_experiment
from hypergraph.extensions.registry import ENGINES
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
    """Train hypernetworks on a task, sweep the price of information, classify and draw: as `hypergraph run` does.

    Args:
        task: the name of a task plugin.
        members: how many hypernetworks, each from its own seed; the preset's if None.
        steps: optimiser steps; the preset's if None.
        layers: the network, as sizes such as "16,48,1" or as a spec; or several that one generator is trained on.
        preset: quick or paper.
        wiring: how far the encoder is wired to the weights at the start, from 0 to 1; the preset's if None.
        options: of the task.
        seed: every random number follows from it.
        device: auto, cpu, cuda or cuda:N.
        engine: the name of an engine plugin.
        out: the run's folder; runs/TASK/TIME if None. A run that is there and was interrupted: :func:`resume`.
        observe: is told what happens; if None, it is shown here.

    Raises:
        HypergraphError: naming what is wrong.
        KeyboardInterrupt: after the training was saved.
    """
    given = [layers] if isinstance(layers, (str, MLPSpec)) else layers
    networks = [spec for each in given for spec in (MLPSpec.parse_all(each) if isinstance(each, str) else [each])]
    request = Request(task, members, steps, networks, preset, wiring, options or {}, seed, device)
    config = plan(request, ENGINES.load(engine))
    return _work(start(config, None if out is None else Path(out)), engine, observe)


def resume(run: Path | str, *, engine: str = "local", observe: Observer | None = None) -> FinishedRun:
    """Go on with a run that was interrupted, to the same bits. Arguments and errors as of :func:`train`."""
    return _work(RunDirectory.open(Path(run)), engine, observe)


def _work(directory: RunDirectory, engine: str, observe: Observer | None) -> FinishedRun:
    if observe is not None:
        return run_experiment(directory, ENGINES.load(engine), observe)
    with Display(directory, Console(stderr=True, highlight=False, markup=False)) as display:
        return run_experiment(directory, ENGINES.load(engine), display)


def open_run(path: Path | str) -> FinishedRun:
    """A finished run, whoever made it. Raises UsageError and FileError: there is no run, or it is not finished."""
    return FinishedRun(RunDirectory.open(Path(path)))


def load_network(path: Path | str) -> MLPWeights:
    """One network from its safetensors file. Raises FileError."""
    return MLPWeights.load(Path(path))[0]


def generate(
    source: Path | str,
    beta: float,
    *,
    layers: str | MLPSpec | None = None,
    seed: int = 0,
    member: int = 0,
    encoder: bool = True,
) -> MLPWeights:
    """One network from a trained generator; arguments and errors as of `generate_network` in networks.py."""
    spec = MLPSpec.parse(layers) if isinstance(layers, str) else layers
    return generate_network(source, beta, spec=spec, seed=seed, member=member, encoder=encoder).network


def classify(network: MLPWeights | Path | str, task: str | None = None) -> Verdict:
    """Which algorithm a network, or the one in a file, runs.

    Raises:
        UsageError: the task is not named, neither here nor in the file, or has no classifier.
        SpecError: the classifier does not know such networks.
        FileError: the file holds no network.
    """
    if isinstance(network, MLPWeights):
        found, name = network, task
    else:
        found, metadata = MLPWeights.load(Path(network))
        name = task or metadata.get("task")
    if name is None:
        raise UsageError("the network does not say its task: name it")
    return classify_network(found, name)


def draw(network: MLPWeights, *paths: Path | str, layout: str | None = None, seed: int = 0) -> None:
    """Draw a network into files, whose suffixes (.svg, .png, .pdf) say the format. Raises UsageError, FileError."""
    draw_network(network, list(map(Path, paths)), layout=layout, seed=seed)
