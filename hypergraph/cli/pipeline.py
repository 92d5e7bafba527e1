"""The two halves of a run: training with progress, and the analysis of what was trained."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import time
from typing import Any

import torch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.sweep import sweep_members
from hypergraph.cli.console import err
from hypergraph.cli.progress import watch
from hypergraph.engines.local import TrainingError, max_parallel_chunks, train
from hypergraph.errors import FileError, MissingDataError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.figures import NAMES
from hypergraph.figures.catalogue import draw
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import NotDrawn
from hypergraph.runs.members import load_members
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.runs.records import NetworkRecord, to_fields
from hypergraph.storage.atomic import write_json


def complete(run: RunDirectory) -> dict[str, Any]:
    """Hold the run, train what is not trained yet, analyse it, and return the result.

    Interrupted, or where a file cannot be written, it tells how to go on. Raises HypergraphError, KeyboardInterrupt.
    """
    threads = torch.get_num_threads()
    with run.lock():
        try:
            return finish(run, trained(run))
        except (KeyboardInterrupt, TrainingError, FileError):
            words = ["hypergraph", "run", run.config.task, "--resume", "--out", str(run.path)]
            if run.path.exists():
                err.print(f"Stopped. What was saved is kept; go on with: {shlex.join(words)}", soft_wrap=True)
            raise
        finally:
            torch.set_num_threads(threads)


def trained(run: RunDirectory) -> Generator:
    """The generator of all members: trained, or gone on with where training stopped, or those that the task ships.

    Raises:
        TrainingError: where a worker fails.
        FileError: where a file holds other members than the run's.
        UsageError: where the task ships others than when the run was started.
        KeyboardInterrupt: after the workers have saved.
    """
    config = run.config
    if not run.generator.exists():
        joined = _train(run) if config.recipe else _shipped(config)
        joined.save(run.generator, {"task": config.task, "seed": str(config.seed)})
    return load_members(run.generator, config, config.members)


def _train(run: RunDirectory) -> Generator:
    chunks = run.chunks
    with contextlib.closing(train(run, max_parallel_chunks(run.config), _tell_stopping)) as events:
        watch(run.config, chunks, events)
    return Generator.join([load_members(chunk.trained, run.config, len(chunk.members)) for chunk in chunks])


def _tell_stopping() -> None:
    err.print("Stopping after this step; interrupt again to stop at once.", soft_wrap=True)


def _shipped(config: RunConfig) -> Generator:
    ensemble = shipped_ensemble(config.task, config.spec)
    if ensemble.members != config.members:
        raise UsageError(f"task {config.task} now ships {ensemble.members} generators, not {config.members} as then")
    return ensemble


def finish(run: RunDirectory, generator: Generator) -> dict[str, Any]:
    """Sweep beta, classify, save and draw the networks, and write the result. Raises FileError."""
    started = time.monotonic()
    torch.set_num_threads(run.config.threads)
    task, classifier = TASKS.load(run.config.task, run.config.options), classifier_for(run.config.task)
    result = {
        **run.config.to_fields(),
        "failures": list(map(dataclasses.asdict, run.failures())),
        "solved_loss": task.solved_loss,
        "algorithms": dict(classifier.colours) if classifier else {},
        "networks": list(map(to_fields, _swept(run, generator))),
        "figures": [],
        "analysis_seconds": None,
    }
    write_json(run.result, result)
    result |= {"figures": _figures(run), "analysis_seconds": round(time.monotonic() - started, 1)}
    write_json(run.result, result)
    return result


def _swept(run: RunDirectory, generator: Generator) -> list[NetworkRecord]:
    """Networks by beta and then by member."""
    found: list[NetworkRecord] = []
    for members in run.config.member_ranges:  # they fit in memory, and numbers are rounded as in training
        part = Generator.join([generator.member(member) for member in members])
        found += sweep_members(run, part, members)
    return sorted(found, key=lambda network: (network.beta, network.member))


def _figures(run: RunDirectory) -> list[str]:
    """Every figure that the run's data allow; why others are missing is told."""
    files: list[str] = []
    try:
        for event in draw(FinishedRun(run), NAMES):
            if isinstance(event, NotDrawn):
                err.print(f"figure {event.figure} not drawn: {event.reason}", soft_wrap=True)
            else:
                files += map(run.relative, event.files)
    except MissingDataError as missing:
        err.print(f"no figures: {missing}", soft_wrap=True)
    return files
