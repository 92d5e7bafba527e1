"""The two halves of a run: training with progress, and the analysis of what was trained."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from typing import Any

import torch
from rich.progress import track

from hypergraph.analysis.sweep import BETAS, Row, best_by_algorithm, sweep
from hypergraph.cli.console import err
from hypergraph.cli.progress import watch
from hypergraph.engines.local import plan, train
from hypergraph.errors import FileError
from hypergraph.figures import NAMES
from hypergraph.figures.catalogue import draw as draw_figures
from hypergraph.figures.material import Material
from hypergraph.files import finite, read_json, write_json
from hypergraph.model.generator import Generator
from hypergraph.pretrained import shipped_ensemble
from hypergraph.registry import TASKS, classifier_for, working_visualizers
from hypergraph.runs.directory import RunDirectory
from hypergraph.weights import MLPWeights


def trained(run: RunDirectory) -> Generator:
    """The generator of all members: trained, or gone on with where training stopped, or those that the task ships.

    Raises:
        TrainingError: where a worker fails.
        KeyboardInterrupt: after the workers have saved; how to go on is printed.
    """
    config = run.config
    if not run.generator.exists():
        joined = _train(run) if config.recipe else shipped_ensemble(config.task, config.spec)
        joined.save(run.generator, {"task": config.task, "seed": str(config.seed)})
    return Generator.load(run.generator)[0]


def _train(run: RunDirectory) -> Generator:
    count, at_once = plan(run)
    chunks = run.chunks(count)
    with contextlib.closing(train(run, chunks, at_once)) as events:
        try:
            watch(run.config, chunks, events)
        except KeyboardInterrupt:
            events.close()
            err.print(f"Saved. Go on with: hypergraph run {run.config.task} --resume --out {run.path}", soft_wrap=True)
            raise
    return Generator.join([Generator.load(chunk.trained)[0] for chunk in chunks])


def finish(run: RunDirectory, generator: Generator) -> dict[str, Any]:
    """Sweep beta, classify, save and draw the networks, and write the result. Raises FileError."""
    started = time.monotonic()
    torch.set_num_threads(1)  # networks this small gain nothing from a second thread, and lose much on a busy machine
    config = run.config
    task, classifier = TASKS.load(config.task), classifier_for(config.task)
    rows = sweep(generator, task, classifier, seed=config.seed, spec=config.spec)
    steps = track(rows, "sweeping beta", len(BETAS), console=err, transient=True, disable=not err.is_terminal)
    found = [row for step in steps for row in step]
    result = {
        **config.to_fields(),
        "solved_loss": task.solved_loss,
        "algorithms": dict(classifier.colours) if classifier else {},
        "networks": [_save(run, row) for row in found],
        "figures": [],
        "analysis_seconds": None,
    }
    write_json(run.result, result)
    drawn = [*_draw(run, found), *_figures(run)]
    result |= {"figures": drawn, "analysis_seconds": round(time.monotonic() - started, 1)}
    write_json(run.result, result)
    return result


def _figures(run: RunDirectory) -> list[str]:
    """Every figure that the run's data allow."""
    if all(row["loss"] is None for row in read_json(run.result)["networks"]):
        return []
    drawn = draw_figures(Material(run, err), NAMES)
    return [run.relative(path) for _, paths in drawn if isinstance(paths, list) for path in paths]


def _save(run: RunDirectory, row: Row) -> dict[str, Any]:
    path = run.networks / f"member{row.member}-beta{row.beta:.1e}.safetensors"
    metadata = {"task": run.config.task, "seed": run.config.seed, "member": row.member, "beta": row.beta, "encoder": 1}
    row.network.save(path, {name: str(value) for name, value in metadata.items()})
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "network"}
    return {**finite(values), "file": run.relative(path)}


def _draw(run: RunDirectory, rows: list[Row]) -> list[str]:
    """Draw the best network of each algorithm, or the best of all where no classifier knows them."""
    visualizer = next(iter(working_visualizers()), None)
    if visualizer is None:
        return []
    measured = [row for row in rows if math.isfinite(row.loss)]
    if not measured:
        return []
    best = best_by_algorithm(measured) or {"best": min(measured, key=lambda row: row.loss)}
    titles = [f"{label}: member {row.member}, beta {row.beta:.1e}, loss {row.loss:.3f}" for label, row in best.items()]
    networks = MLPWeights.stack([row.network for row in best.values()])
    figures = [[run.figures / f"{label}.{suffix}" for label in best] for suffix in ("svg", "png")]
    try:
        for paths in figures:
            visualizer.draw(networks, paths, layout=visualizer.layouts[0], seed=run.config.seed, titles=titles)
    except FileError:
        raise
    except Exception as error:  # a broken plugin must not cost a result
        err.print(f"nothing drawn: {type(visualizer).__name__} raised {error!r}", soft_wrap=True)
        return []
    return [run.relative(path) for paths in figures for path in paths]
