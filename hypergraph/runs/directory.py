"""A run directory: where everything of one run is kept.

config.json             what was asked, and the versions of what ran
training/0-1/           members 0 and 1, trained together: state, metrics.jsonl, checkpoints through training, the
                        generator at the end, provenance.json, log.txt, and failures.json where a member diverged
generator.safetensors   all members, trained
networks/               a network per member and beta, as plain safetensors
figures/                drawings
analysis/               what figures show beside the result, measured once; where it is deleted, it is measured again
result.json             what was found
lock                    held while the run works; training/0-1/lock while a worker does
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError, RunExistsError, UsageError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.records import Provenance, read_record, to_fields
from hypergraph.storage.atomic import PARTIAL, finite, make_folder, remove_partial, sync_folder, write_bytes, write_json
from hypergraph.storage.locks import file_lock
from hypergraph.storage.untrusted import check_links, read_json, read_text
from hypergraph.training.failures import Failure


class Chunk:
    """Members that are trained together, in a folder of their own."""

    def __init__(self, folder: Path, members: range) -> None:
        self.members = members
        self.folder = folder / f"{members[0]}-{members[-1]}"
        self.state = self.folder / "state.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.failures = self.folder / "failures.json"
        self.trained = self.folder / "trained.safetensors"
        self.provenance = self.folder / "provenance.json"
        self.checkpoints = self.folder / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The generator of these members at `step`."""
        return self.checkpoints / f"{step:07d}.safetensors"

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one line to the metrics, of which a kill leaves whole lines. Raises FileError."""
        self._write_metrics([*self._metrics(), json.dumps(finite(row))])

    def write_failures(self, failures: Sequence[Failure]) -> None:
        """Write all failures of the training so far. Raises FileError."""
        write_json(self.failures, to_fields(failures))

    def read_failures(self) -> list[Failure]:
        """What :meth:`write_failures` wrote. Raises FileError."""
        return read_record(self.failures, list[Failure])

    def add_provenance(self, entry: Provenance) -> None:
        """Note where a training goes on, unless it is as before. Raises FileError.

        What was computed elsewhere past the step of `entry` was lost, and so its provenance goes too.
        """
        entries = [each for each in self.read_provenance() if (each.step or 0) < (entry.step or 0)]
        if not entries or (entries[-1].versions, entries[-1].threads) != (entry.versions, entry.threads):
            entries.append(entry)
        write_json(self.provenance, list(map(to_fields, entries)))

    def read_provenance(self) -> list[Provenance]:
        """Where the training went on, by step; empty where an earlier release trained. Raises FileError."""
        return read_record(self.provenance, list[Provenance]) if self.provenance.exists() else []

    def rewind(self, step: int, failures: Sequence[Failure]) -> None:
        """Drop what was logged past `step`, which a resumed training logs again. Raises FileError."""
        try:
            if self.metrics.exists():
                self._write_metrics([line for line in self._metrics() if json.loads(line)["step"] <= step])
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
        """Hold the chunk for this process.

        Raises BusyError while a worker, whose parent was killed, is still at its last step, and FileError.
        """
        with file_lock(self.folder / "lock"):
            for folder in (self.folder, self.checkpoints):
                remove_partial(folder)
            yield


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        self.training = path / "training"
        self.generator = path / "generator.safetensors"
        self.networks = path / "networks"
        self.figures = path / "figures"
        self.result = path / "result.json"
        self.chunks = [Chunk(self.training, members) for members in config.member_ranges]
        """How the members are divided."""

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> RunDirectory:
        """Start a run in a new or empty folder. Raises FileError, UsageError."""
        _check_new(path)
        make_folder(path)
        with file_lock(path / "lock"):
            _check_new(path)  # of two that start here at once, the second finds the first's
            write_json(path / "config.json", config.to_fields())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The run in an existing folder. Raises FileError, UsageError."""
        if not (path / "config.json").is_file():
            raise UsageError(f"{path} holds no run: there is no config.json in it")
        check_links(path)
        return cls(path, read_config(path / "config.json"))

    def relative(self, path: Path) -> str:
        """`path` as the files of this run write it."""
        return path.relative_to(self.path).as_posix()

    def checkpoints(self) -> list[tuple[int, range, Path]]:
        """The generators kept through training: step, members and file, by step."""
        found = [
            (int(path.stem), chunk.members, path)
            for chunk in self.chunks
            for path in chunk.checkpoints.glob("*.safetensors")
            if path.stem.isdecimal()
        ]
        return sorted(found, key=lambda checkpoint: (checkpoint[0], checkpoint[1][0]))

    def failures(self) -> list[Failure]:
        """The members that diverged in training, and when. Raises FileError."""
        return [failure for chunk in self.chunks if chunk.failures.exists() for failure in chunk.read_failures()]

    def provenance(self) -> list[Provenance]:
        """Where the chunks were trained; empty where an earlier release trained them. Raises FileError."""
        return [entry for chunk in self.chunks for entry in chunk.read_provenance()]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process, with all of its folders there; the system releases it when the process dies.

        Raises BusyError, FileError.
        """
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
    """The configuration in a config.json, or in a result.json, which repeats it. Raises FileError."""
    fields = read_json(path)
    try:
        return RunConfig.from_fields(fields)
    except UsageError as error:
        raise FileError(f"{path}: {error}") from None


def new_folder(folder: Path) -> Path:
    """A new folder in `folder`, named after the time, and numbered where a clock told that before. Raises FileError."""
    make_folder(folder)
    time, numbers = datetime.now().strftime("%Y-%m-%d-%H%M%S"), itertools.count(2)
    path = folder / time
    while True:
        try:
            path.mkdir()
            sync_folder(folder)
            return path
        except FileExistsError:
            path = folder / f"{time}-{next(numbers)}"
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from None


def latest_run(folder: Path) -> Path | None:
    """The run in `folder` that was started last, if there is one."""
    runs = [path.parent for path in folder.glob("*/config.json")]
    return max(runs, key=lambda run: (run / "config.json").stat().st_mtime_ns, default=None)
