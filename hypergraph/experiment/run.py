"""Run an experiment: train, sweep the price of information, analyse, draw."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace

from hypergraph.analysis.families import name_families
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.population import sweep_population
from hypergraph.analysis.sweep import sweep_all
from hypergraph.engines.base import Engine
from hypergraph.errors import MissingDataError, UsageError, file_errors, printable
from hypergraph.experiment.report import report_if_possible
from hypergraph.extensions.options import task_metadata
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.figures import NAMES
from hypergraph.figures.catalogue import draw
from hypergraph.interfaces import Classifier
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Drawn, NotDrawn, Noticed, Observer, ignore
from hypergraph.runs.jobs import Map, map_here
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.runs.provenance import current_versions
from hypergraph.runs.records import ProgramRecord, Provenance, Result
from hypergraph.runs.result import load_members, write_result
from hypergraph.storage.schema import as_path
from hypergraph.storage.untrusted import read_json
from hypergraph.torch_state import torch_threads, usual_torch


def run_experiment(run: RunDirectory, engine: Engine, observe: Observer = ignore) -> FinishedRun:
    """Complete a run, from its training to its figures; a later call continues after an interrupt or an error.

    Raises:
        BusyError: another process works on the run.
        TrainingError: a worker of the engine failed.
        FileError: a file cannot be written, or does not belong to this run.
        UsageError: the task ships other generators than at the start of the run.
        KeyboardInterrupt: after the engine has saved.
    """
    with run.lock(), torch_threads(run.config.threads):
        train(run, engine, observe)
        started = time.monotonic()
        result = sweep(run, engine.map, observe)
        write_result(run, result)
        if run.config.is_large:
            observe(Noticed(f"figures, families, programs and report are of {run.config.sample_note}"))
        finished = FinishedRun(run, observe, each=engine.map)
        (files, missing), programs = _drawn(finished), _programs(finished)
        seconds = round(time.monotonic() - started, 1)
        found = {"programs": programs, "figures": files, "not_drawn": missing}
        write_result(run, replace(result, **found, analysis_seconds=seconds))
        finished = FinishedRun(run, observe, each=engine.map)
        report_if_possible(finished)
    return finished


def train(run: RunDirectory, engine: Engine, observe: Observer = ignore) -> None:
    """Get the generators of all members, which `engine` trains or the task ships. Raises as `run_experiment` does."""
    config = run.config
    if run.is_trained:
        return
    if config.recipe:
        engine.train(run, observe)
    if not config.is_large:  # the generators of a large one stay apart: joined, they would fill the memory
        metadata = task_metadata(config.task, config.options)
        _joined(run).save(run.generator, metadata | {"seed": str(config.seed)})


def _joined(run: RunDirectory) -> Generator:
    """The generators of all members, trained or shipped."""
    config = run.config
    if config.recipe:
        return Generator.join([load_members(chunk.trained, config, len(chunk.members)) for chunk in run.chunks])
    shipped = shipped_ensemble(config.task, config.spec)
    if (count := shipped.members) != config.members:
        raise UsageError(f"task {config.task} now ships {count} generators, not {config.members} as then")
    return shipped


def sweep(run: RunDirectory, each: Map = map_here, observe: Observer = ignore) -> Result:
    """Generate, measure, classify and save a network per member and price. Raises FileError.

    Where no classifier labels them, the families that are found among them do. The result of a large run has the
    records of its sample; the others are in its table.
    """
    config = run.config
    task = TASKS.load(config.task, config.options)
    classifier: Classifier | None = classifier_for(config.task)
    networks, swept = (sweep_population if config.is_large else sweep_all)(run, each, observe)
    with file_errors("write", run.families):
        run.families.unlink(missing_ok=True)  # that of an earlier analysis, when there was no classifier
    if all(network.algorithm is None for network in networks):
        networks, classifier = name_families(run, networks, each, observe)
    return Result(
        failures=tuple(failure for failure in run.failures() if failure.member in config.sample),
        solved_loss=task.solved_loss,
        algorithms=dict(classifier.colours) if classifier else {},
        networks=tuple(sorted(networks, key=lambda network: (network.beta, network.member))),
        provenance=tuple(_provenance(run, swept)),
    )


def _provenance(run: RunDirectory, swept: Sequence[Provenance]) -> Iterator[Provenance]:
    """Where the run was computed: each chunk's training; the analysis, which ends here; and what was swept elsewhere.

    In a large run, of the trainings and of the sweeps the first on each kind of machine.
    """
    config, versions = run.config, current_versions(run.config.task, "cpu")
    here = Provenance(members=(0, config.members - 1), step=None, versions=versions, threads=config.threads)
    elsewhere = sorted((each for each in swept if _kind(each) != _kind(here)), key=lambda each: each.members)
    trained = run.provenance()
    if config.is_large:
        trained, elsewhere = _first_of_each_kind(trained), _first_of_each_kind(elsewhere)
    yield from (*trained, here, *elsewhere)


def _first_of_each_kind(places: Sequence[Provenance]) -> list[Provenance]:
    kinds: dict[tuple[object, ...], Provenance] = {}
    for place in places:
        kinds.setdefault(_kind(place), place)
    return list(kinds.values())


def _kind(place: Provenance) -> tuple[object, ...]:
    return (*sorted(place.versions.items()), place.threads)


def _programs(run: FinishedRun) -> tuple[ProgramRecord, ...]:
    """The programs of the families' exemplars; none where there are no families."""
    try:
        return tuple(run.programs)
    except MissingDataError as missing:
        run.observe(Noticed(f"no programs: {missing}"))
        return ()


def _drawn(run: FinishedRun) -> tuple[tuple[str, ...], dict[str, str]]:
    """Draw every figure that the run's data allow; returns the files, and why others are missing."""
    files: list[str] = []
    missing: dict[str, str] = {}
    try:
        for event in draw(run, NAMES):
            run.observe(event)
            if isinstance(event, Drawn):
                files += map(run.directory.relative, event.files)
            else:
                missing[event.figure] = printable(event.reason)
    except MissingDataError as error:
        run.observe(Noticed(f"no figures: {error}"))
        missing = dict.fromkeys(NAMES, printable(str(error)))
    return tuple(files), missing


@usual_torch()
def draw_figures(
    run: RunDirectory, names: Iterable[str], observe: Observer = ignore, out: Path | str | None = None
) -> list[Drawn | NotDrawn]:
    """Draw figures of a finished run, if its data allow them. Raises BusyError, FileError, MissingDataError.

    With a folder `out` they are drawn there, and nothing is written into the run: analyses that it lacks are measured,
    but not kept.
    """
    if run.config.is_large:
        observe(Noticed(f"figures are of {run.config.sample_note}"))
    with ExitStack() as stack:
        stack.enter_context(torch_threads(run.config.threads))
        if out is None:
            stack.enter_context(run.lock())
            return list(draw(FinishedRun(run, observe), names))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return list(draw(FinishedRun(run, observe, scratch), names, as_path(out, "out")))


def same_networks(run: RunDirectory, source: Path) -> bool | None:
    """Whether a finished run repeats every number of the networks that `source` records; None if it records none."""
    path = source / "result.json" if source.is_dir() else source
    result, recorded = (read_json(file) if file.is_file() else None for file in (run.result, path))
    if not isinstance(result, dict) or not isinstance(recorded, dict) or "networks" not in recorded:
        return None
    return bool(result["networks"] == recorded["networks"])
