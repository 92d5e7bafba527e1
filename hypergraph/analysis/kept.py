"""What an analysis finds is kept in RUN/analysis/, part by part, so that each part is measured once."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from hypergraph.errors import FileError
from hypergraph.extensions.registry import CLASSIFIERS, TASKS, classifier_for
from hypergraph.runs.events import tracked
from hypergraph.runs.records import read_record
from hypergraph.storage.atomic import make_folder, write_bytes, write_json
from hypergraph.storage.untrusted import read_json

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

P = TypeVar("P")
R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True)
class Analysis(Generic[P, R]):
    """An analysis of a finished run, in parts of which none needs another.

    Attributes:
        name: of its folder in RUN/analysis/.
        stage: what it does, as an observer is told.
        kind: what a part gives: list[Record].
        measure: finds the records of a part, in any process that can open the run.
    """

    name: str
    stage: str
    kind: type[list[R]]
    measure: Callable[[FinishedRun, P], list[R]]


def kept(run: FinishedRun, analysis: Analysis[P, R], parts: Mapping[str, P]) -> list[R]:
    """The records of some parts, by the names of their files; what is not kept yet is measured and kept.

    A part whose file cannot be read is measured again. One without records is not kept, as asking again costs nothing.
    Raises FileError, and what measuring raises.
    """
    folder = run.analysis_folder / analysis.name
    found: dict[str, list[R]] = {}
    for name in parts:
        with contextlib.suppress(FileError):
            found[name] = read_record(folder / f"{name}.json", analysis.kind)
    if missing := [name for name in parts if name not in found]:
        make_folder(folder)
        for name in tracked(missing, analysis.stage, run.observe):
            data = msgspec.json.encode(analysis.measure(run, parts[name]))  # null for what is not finite
            found[name] = msgspec.json.decode(data, type=analysis.kind)
            if found[name]:
                write_bytes(folder / f"{name}.json", data)
    return [record for name in parts for record in found[name]]


def or_nan(number: float | None) -> float:
    """A number of a record, NaN where it is not finite."""
    return math.nan if number is None else number


def fresh_folder(run: FinishedRun) -> Path:
    """RUN/analysis/, emptied where what it holds belongs to another result or to other versions. Raises FileError."""
    folder = run.path / "analysis"
    about = msgspec.json.encode((run.config.to_fields(), run.result.networks))  # their numbers identify the generator
    made_by = {"versions": _versions(run.config.task), "result": blake2b(about, digest_size=16).hexdigest()}
    with contextlib.suppress(FileError):
        if read_json(folder / "made_by.json") == made_by:
            return folder
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror or error}") from None
    make_folder(folder)
    write_json(folder / "made_by.json", made_by)
    return folder


def _versions(task: str) -> dict[str, str]:
    """What decides an analysis; torch and the processor only round it."""
    package = type(classifier_for(task)).__module__.partition(".")[0]
    plugins = [TASKS.find(task), *(p for p in CLASSIFIERS.plugins() if p.value.startswith(package))]
    return {p.distribution: p.version for p in plugins} | {"hypergraph-toolkit": version("hypergraph-toolkit")}
