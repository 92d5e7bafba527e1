"""Keep the records of an analysis in RUN/analysis/, one file per part, so that each part is measured once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from hypergraph.errors import FileError, file_errors
from hypergraph.extensions.registry import CLASSIFIERS, TASKS, classifier_for
from hypergraph.runs.events import Observer, counted
from hypergraph.runs.jobs import J, doing
from hypergraph.runs.records import read_record
from hypergraph.storage.atomic import make_folder, write_bytes, write_json
from hypergraph.storage.untrusted import read_json
from hypergraph.torch_state import usual_torch

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

P = TypeVar("P")
R = TypeVar("R", bound=msgspec.Struct)
Measured: TypeAlias = AbstractContextManager[Iterator[tuple[str, list[R]]]]
"""The names and the records of parts, as they are measured."""
Measure: TypeAlias = "Callable[[FinishedRun, Mapping[str, P], str], Measured[R]]"
"""Measures parts of a run by their names, as a stage."""


@dataclass(frozen=True)
class Analysis(Generic[P, R]):
    """An analysis of a finished run, divided into independent parts.

    Attributes:
        name: the folder in RUN/analysis/.
        stage: the name that observers of its progress see.
        kind: the type of a part's records: list[Record].
        measure: computes the records of parts, as `here` or as `jobs` does.
    """

    name: str
    stage: str
    kind: type[list[R]]
    measure: Measure[P, R]


def here(measure: Callable[[FinishedRun, P], list[R]]) -> Measure[P, R]:
    """Measure one part after another in this process: what is cheap."""
    return lambda run, parts, stage: nullcontext(
        counted(((name, measure(run, part)) for name, part in parts.items()), len(parts), stage, run.observe)
    )


def jobs(measure: Callable[[J, Observer], list[R]]) -> Measure[J, R]:
    """Let the engine of the run measure parts that are jobs: what takes long."""
    return lambda run, parts, stage: doing(run.each, run.directory, measure, parts, stage, run.observe)


@usual_torch()
def kept(run: FinishedRun, analysis: Analysis[P, R], parts: Mapping[str, P]) -> list[R]:
    """The records of all parts, in order; measures and keeps the parts that have no readable file yet.

    `parts` has the file names as keys. A part without records is not kept: measuring it again costs nothing. Raises
    FileError, and what `analysis.measure` raises.
    """
    folder = run.analysis_folder / analysis.name
    records: dict[str, list[R]] = {}
    for name in parts:
        with contextlib.suppress(FileError):
            records[name] = read_record(folder / f"{name}.json", analysis.kind)
    if missing := [name for name in parts if name not in records]:
        make_folder(folder)
        with analysis.measure(run, {name: parts[name] for name in missing}, analysis.stage) as measured:
            for name, found in measured:
                data = msgspec.json.encode(found)  # NaN and infinity become null
                records[name] = msgspec.json.decode(data, type=analysis.kind)
                if records[name]:
                    with contextlib.suppress(OSError):  # what was not readable may be a pipe
                        (folder / f"{name}.json").unlink()
                    write_bytes(folder / f"{name}.json", data)
    return [record for name in parts for record in records[name]]


def fresh_folder(run: FinishedRun) -> Path:
    """RUN/analysis/, emptied if its files belong to another result or to other versions. Raises FileError.

    For a run that must not be written into, its scratch folder, with a copy of what RUN/analysis/ has.
    """
    folder = run.path / "analysis"
    inputs = msgspec.json.encode((run.config.to_fields(), run.result.networks))  # these numbers identify the generator
    made_by = {"versions": analysis_versions(run.config.task), "result": blake2b(inputs, digest_size=16).hexdigest()}
    current = False
    with contextlib.suppress(FileError):
        current = read_json(folder / "made_by.json") == made_by
    if run.scratch:
        if current:
            with contextlib.suppress(OSError):  # what cannot be copied is measured again
                shutil.copytree(folder, run.scratch, symlinks=True, dirs_exist_ok=True)
        return run.scratch
    if current:
        return folder
    with file_errors("write", folder):
        if folder.exists():
            shutil.rmtree(folder)
    make_folder(folder)
    write_json(folder / "made_by.json", made_by)
    return folder


def analysis_versions(task: str) -> dict[str, str]:
    """The packages that decide an analysis; torch and the processor affect only its rounding."""
    package = type(classifier_for(task)).__module__.partition(".")[0]
    plugins = [TASKS.find(task), *(p for p in CLASSIFIERS.plugins() if p.value.startswith(package))]
    return {p.distribution: p.version for p in plugins} | {"hypergraph-toolkit": version("hypergraph-toolkit")}
