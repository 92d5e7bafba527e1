"""An experiment: train, sweep the price of information, analyse, draw."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator

import msgspec
import torch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.sweep import sweep_members
from hypergraph.engines.base import Engine
from hypergraph.errors import MissingDataError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.figures import NAMES
from hypergraph.figures.catalogue import draw
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Drawn, NotDrawn, Noticed, Observer, ignore
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.runs.records import NetworkRecord, Result
from hypergraph.runs.result import load_members, write_result


def run_experiment(run: RunDirectory, engine: Engine, observe: Observer = ignore) -> FinishedRun:
    """Do what is left to do of a run, from its training to its figures.

    An interrupt, or an error, keeps what was saved; called again, the experiment goes on from there.

    Raises:
        BusyError: another process works on the run.
        TrainingError: a worker of the engine failed.
        FileError: a file cannot be written, or holds what is not of this run.
        UsageError: the task ships other generators than when the run was started.
        KeyboardInterrupt: after the engine has saved.
    """
    with run.lock(), _threads(run.config.threads):
        generator = train(run, engine, observe)
        started = time.monotonic()
        result = sweep(run, generator, observe)
        write_result(run, result)
        files = _drawn(run, observe)
        seconds = round(time.monotonic() - started, 1)
        write_result(run, msgspec.structs.replace(result, figures=files, analysis_seconds=seconds))
    return FinishedRun(run, observe)


def train(run: RunDirectory, engine: Engine, observe: Observer = ignore) -> Generator:
    """The generator of all members: trained by `engine` as far as it is not yet, or shipped with the task.

    Raises as :func:`run_experiment` does.
    """
    config = run.config
    if not run.generator.exists():
        joined = _trained(run, engine, observe) if config.recipe else _shipped(config)
        joined.save(run.generator, {"task": config.task, "seed": str(config.seed)})
    return load_members(run.generator, config, config.members)


def _trained(run: RunDirectory, engine: Engine, observe: Observer) -> Generator:
    engine.train(run, observe)
    return Generator.join([load_members(chunk.trained, run.config, len(chunk.members)) for chunk in run.chunks])


def _shipped(config: RunConfig) -> Generator:
    ensemble = shipped_ensemble(config.task, config.spec)
    if ensemble.members != config.members:
        raise UsageError(f"task {config.task} now ships {ensemble.members} generators, not {config.members} as then")
    return ensemble


def sweep(run: RunDirectory, generator: Generator, observe: Observer = ignore) -> Result:
    """Generate a network per member and price, measure, classify and save it. Raises FileError."""
    task, classifier = TASKS.load(run.config.task, run.config.options), classifier_for(run.config.task)
    found: list[NetworkRecord] = []
    for members in run.config.member_ranges:  # they fit in memory, and numbers are rounded as in training
        part = Generator.join([generator.member(member) for member in members])
        found += sweep_members(run, part, members, observe)
    return Result(
        failures=tuple(run.failures()),
        solved_loss=task.solved_loss,
        algorithms=dict(classifier.colours) if classifier else {},
        networks=tuple(sorted(found, key=lambda network: (network.beta, network.member))),
        provenance=tuple(run.provenance()),
    )


def _drawn(run: RunDirectory, observe: Observer) -> tuple[str, ...]:
    """Draw every figure that the run's data allow. Gives the files, relative to the run's folder."""
    files: list[str] = []
    try:
        for event in draw(FinishedRun(run, observe), NAMES):
            observe(event)
            files += map(run.relative, event.files if isinstance(event, Drawn) else ())
    except MissingDataError as missing:
        observe(Noticed(f"no figures: {missing}"))
    return tuple(files)


def draw_figures(run: RunDirectory, names: Iterable[str], observe: Observer = ignore) -> list[Drawn | NotDrawn]:
    """Draw figures of a finished run, as far as its data allow. Raises BusyError, FileError, MissingDataError."""
    with run.lock(), _threads(run.config.threads):
        return list(draw(FinishedRun(run, observe), names))


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, which decide how numbers are rounded."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
