"""The two halves of a run: training with progress, and the analysis of what was trained."""

from __future__ import annotations

import dataclasses
import shlex
import time
from typing import Any

import torch
from rich.progress import track

from hypergraph.analysis.sweep import BETA_GRID, Row, sweep
from hypergraph.cli.console import err
from hypergraph.cli.progress import watch
from hypergraph.engines.base import TrainingError
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.figures import NAMES
from hypergraph.figures.catalogue import draw
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.output import MissingDataError
from hypergraph.interfaces import Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.members import load_members
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.storage.atomic import finite, write_json


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
    with watch(run.config, chunks) as observe:
        LocalEngine().train(run, observe)
    return Generator.join([load_members(chunk.trained, run.config, len(chunk.members)) for chunk in chunks])


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
        "networks": [_save(run, row, generator.has_encoder) for row in _swept(run, generator, task, classifier)],
        "figures": [],
        "analysis_seconds": None,
    }
    write_json(run.result, result)
    result |= {"figures": _figures(run), "analysis_seconds": round(time.monotonic() - started, 1)}
    write_json(run.result, result)
    return result


def _swept(run: RunDirectory, generator: Generator, task: Task, classifier: Classifier | None) -> list[Row]:
    """Rows by beta and then by member."""
    config = run.config
    found: list[Row] = []
    for members in config.member_ranges:  # they fit in memory, and numbers are rounded as in training
        part = Generator.join([generator.member(member) for member in members])
        rows = sweep(part, task, classifier, seed=config.seed, spec=config.spec, members=members)
        steps = track(rows, "sweeping beta", len(BETA_GRID), console=err, transient=True, disable=not err.is_terminal)
        found += [row for step in steps for row in step]
    return sorted(found, key=lambda row: (row.beta, row.member))


def _save(run: RunDirectory, row: Row, encoder: bool) -> dict[str, Any]:
    path = run.networks / f"member{row.member}-beta{row.beta:.1e}.safetensors"
    metadata = {"task": run.config.task, "seed": run.config.seed, "member": row.member, "beta": row.beta}
    row.network.save(path, {name: str(value) for name, value in {**metadata, "encoder": int(encoder)}.items()})
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "network"}
    return {**finite(values), "file": run.relative(path)}


def _figures(run: RunDirectory) -> list[str]:
    """Every figure that the run's data allow; why others are missing is told."""
    files: list[str] = []
    try:
        for name, paths in draw(FinishedRun(run, err), NAMES):
            if isinstance(paths, str):
                err.print(f"figure {name} not drawn: {paths}", soft_wrap=True)
            else:
                files += map(run.relative, paths)
    except MissingDataError as missing:
        err.print(f"no figures: {missing}", soft_wrap=True)
    return files
