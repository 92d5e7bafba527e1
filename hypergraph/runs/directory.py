"""The directory of a run.

config.json             the configuration, with the versions where the run was planned
training/0-1/           members 0 and 1, trained together: state, metrics.jsonl, checkpoints through training, the
                        generator at the end, provenance.json, log.txt, and failures.json where a member diverged
generator.safetensors   all members, trained
networks/               a network per member and beta, as plain safetensors
networks.parquet        of a run of more than 256 members, see below
families.safetensors    the families of these networks, where the task has no classifier
figures/                figures
analysis/               measurements for figures and analyses; deleted ones are measured again
report.html             the page to look at
result.json             the result
lock                    held while a process works on the run; training/0-1/lock while a worker trains the chunk

Of more than 256 members (`RunConfig.is_large`), networks.parquet has a record of every network. A random sample of the
members stands for all in result.json, networks/, checkpoints/, figures/, analysis/ and report.html. Instead of
generator.safetensors there is trained.safetensors in each folder of training/, where no state remains after the end.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError, RunExistsError, UsageError, file_errors
from hypergraph.runs.config import RunConfig
from hypergraph.runs.records import Provenance, read_record, to_fields
from hypergraph.storage.atomic import PARTIAL, finite, make_folder, remove_partial, sync_folder, write_bytes, write_json
from hypergraph.storage.locks import file_lock
from hypergraph.storage.untrusted import check_links, read_json, read_text
from hypergraph.training.failures import Failure


class Chunk:
    """Members that are trained together, and the files of their training."""

    def __init__(self, folder: Path, members: range) -> None:
        self.members = members
        self.folder = folder / f"{members[0]}-{members[-1]}"
        self.state = self.folder / "state.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.failures = self.folder / "failures.json"
        self.trained = self.folder / "trained.safetensors"
        self.provenance = self.folder / "provenance.json"
        self.checkpoints = self.folder / "checkpoints"
        self.log = self.folder / "log.txt"
        self.swept = self.folder / "networks.parquet"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"members {self.folder.name}"

    def checkpoint(self, step: int) -> Path:
        """The file of the generator at `step`."""
        return self.checkpoints / f"{step:07d}.safetensors"

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one line to the metrics; a kill leaves whole lines. Raises FileError."""
        self._write_metrics([*self._metrics(), json.dumps(finite(row))])

    def write_failures(self, failures: Sequence[Failure]) -> None:
        """Write all failures of the training so far. Raises FileError."""
        write_json(self.failures, to_fields(failures))

    def read_failures(self) -> list[Failure]:
        """The failures of the training so far. Raises FileError."""
        return read_record(self.failures, list[Failure]) if self.failures.exists() else []

    def add_provenance(self, entry: Provenance) -> None:
        """Record where a training starts or continues, unless nothing changed. Raises FileError.

        Entries from the step of `entry` on are dropped, as are the steps computed there.
        """
        entries = [each for each in self.read_provenance() if (each.step or 0) < (entry.step or 0)]
        if not entries or (entries[-1].versions, entries[-1].threads) != (entry.versions, entry.threads):
            entries.append(entry)
        write_json(self.provenance, list(map(to_fields, entries)))

    def read_provenance(self) -> list[Provenance]:
        """Where the training was started and continued, by step; empty for earlier releases. Raises FileError."""
        return read_record(self.provenance, list[Provenance]) if self.provenance.exists() else []

    def remove_state(self) -> None:
        """Remove the state, from which a training that has ended goes on no more. Raises FileError."""
        with file_errors("write", self.state):
            self.state.unlink(missing_ok=True)

    def rewind(self, step: int, failures: Sequence[Failure]) -> None:
        """Drop metrics and failures after `step`, which a resumed training logs again. Raises FileError."""
        try:
            if lines := self._metrics():
                self._write_metrics([line for line in lines if json.loads(line)["step"] <= step])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FileError(f"{self.metrics} holds other lines than a training writes") from None
        if self.failures.exists():
            self.write_failures(failures)

    def _metrics(self) -> list[str]:
        return read_text(self.metrics).splitlines() if self.metrics.exists() else []

    def _write_metrics(self, lines: list[str]) -> None:
        write_bytes(self.metrics, "".join(f"{line}\n" for line in lines).encode())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the chunk for this process. Raises FileError, and BusyError where another worker still holds it."""
        with file_lock(self.folder / "lock"):
            for folder in (self.folder, self.checkpoints):
                remove_partial(folder)
            yield


class RunDirectory:
    """The directory of one run."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        self.training = path / "training"
        self.generator = path / "generator.safetensors"
        self.networks = path / "networks"
        self.table = path / "networks.parquet"
        self.families = path / "families.safetensors"
        self.figures = path / "figures"
        self.report = path / "report.html"
        self.result = path / "result.json"
        self.chunks = [Chunk(self.training, members) for members in config.member_ranges]

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> RunDirectory:
        """Start a run in a new or empty folder. Raises FileError, UsageError."""
        _check_new(path)
        make_folder(path)
        with file_lock(path / "lock"):
            _check_new(path)  # another process may have started a run meanwhile
            write_json(path / "config.json", config.to_fields())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the run in a folder. Raises FileError, UsageError."""
        if not (path / "config.json").is_file():
            raise UsageError(f"{path} holds no run: there is no config.json in it")
        check_links(path)
        return cls(path, read_config(path / "config.json"))

    def relative(self, path: Path) -> str:
        """`path` relative to the run's folder, as its files name it."""
        return path.relative_to(self.path).as_posix()

    @property
    def is_trained(self) -> bool:
        """Whether the generators of all members are there."""
        if self.config.is_large:
            return all(chunk.trained.is_file() for chunk in self.chunks)
        return self.generator.is_file()

    def chunk_of(self, member: int) -> Chunk:
        """The chunk of a member."""
        return self.chunks[bisect_right(self.chunks, member, key=lambda chunk: chunk.members[0]) - 1]

    def checkpoints(self) -> list[tuple[int, Sequence[int], Path]]:
        """The checkpoints of the training, by step: step, members and file."""
        found = [
            (int(path.stem), members, path)
            for chunk in self.chunks
            if (members := self.config.sampled(chunk.members))
            for path in chunk.checkpoints.glob("*.safetensors")
            if path.stem.isdecimal()
        ]
        return sorted(found, key=lambda checkpoint: (checkpoint[0], checkpoint[1][0]))

    def failures(self) -> list[Failure]:
        """All failures in training. Raises FileError."""
        return [failure for chunk in self.chunks for failure in chunk.read_failures()]

    def provenance(self) -> list[Provenance]:
        """Where the chunks were trained; empty for earlier releases. Raises FileError."""
        return [entry for chunk in self.chunks for entry in chunk.read_provenance()]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process, and make its folders. Raises BusyError, FileError."""
        with file_lock(self.path / "lock"):
            trained = self.chunks if self.config.recipe else []
            for folder in (self.networks, self.figures, *(chunk.checkpoints for chunk in trained)):
                make_folder(folder)
            for folder in (self.path, self.networks, self.figures, *(self.path / "analysis").glob("**")):
                remove_partial(folder)
            yield


def _check_new(path: Path) -> None:
    if (path / "config.json").exists():
        raise RunExistsError(f"{path} already holds a run")
    if path.is_dir() and any(item.name != "lock" and not item.name.endswith(PARTIAL) for item in path.iterdir()):
        raise UsageError(f"{path} is not empty: choose another folder")


def read_config(path: Path) -> RunConfig:
    """Read the configuration from a config.json, or from a result.json, which repeats it. Raises FileError."""
    fields = read_json(path)
    try:
        return RunConfig.from_fields(fields)
    except UsageError as error:
        raise FileError(f"{path}: {error}") from None


def new_folder(folder: Path) -> Path:
    """Make a folder in `folder` named after the time, with a number where that name is taken. Raises FileError."""
    make_folder(folder)
    time, numbers = datetime.now().strftime("%Y-%m-%d-%H%M%S"), itertools.count(2)
    path = folder / time
    while True:
        with file_errors("write", path):
            try:
                path.mkdir()
                sync_folder(folder)
                return path
            except FileExistsError:
                path = folder / f"{time}-{next(numbers)}"


def latest_run(folder: Path) -> Path | None:
    """The run in `folder` that was started last, or None."""
    runs = [path.parent for path in folder.glob("*/config.json")]
    return max(runs, key=lambda run: (run / "config.json").stat().st_mtime_ns, default=None)
