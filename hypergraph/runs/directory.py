"""A run directory: where everything of one run is kept.

config.json             what was asked, and the versions of what ran
training/0-1/           members 0 and 1, trained together: state, metrics.jsonl, checkpoints through training
generator.safetensors   all members, trained
networks/               a network per member and beta, as plain safetensors
figures/                drawings
result.json             what was found
lock                    held while the run works
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError, UsageError
from hypergraph.files import finite, read_json, write_bytes, write_json
from hypergraph.runs.config import RunConfig


class Chunk:
    """Members that are trained together, in a folder of their own."""

    def __init__(self, folder: Path, members: range) -> None:
        self.members = members
        self.folder = folder / f"{members[0]}-{members[-1]}"
        self.state = self.folder / "state.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.trained = self.folder / "trained.safetensors"

    def checkpoint(self, step: int) -> Path:
        """The generator of these members at `step`."""
        return self.folder / "checkpoints" / f"{step:07d}.safetensors"

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one line to the metrics. Raises FileError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(finite(row)) + "\n")
        except OSError as error:
            raise FileError(f"cannot write {self.metrics}: {error.strerror or error}") from None

    def keep_metrics(self, step: int) -> None:
        """Drop lines past `step`, which a resumed training writes again, and a last line that was cut short."""
        if not self.metrics.exists():
            return
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_bytes(self.metrics, "".join(kept).encode())


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        self.generator = path / "generator.safetensors"
        self.networks = path / "networks"
        self.figures = path / "figures"
        self.result = path / "result.json"

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> RunDirectory:
        """Start a run in a new or empty folder. Raises FileError, UsageError."""
        if (path / "config.json").exists():
            raise UsageError(f"{path} already holds a run: continue it with --resume, or choose another --out")
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path} is not empty: choose another --out")
        write_json(path / "config.json", config.to_fields())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The run in an existing folder. Raises FileError, UsageError."""
        if not (path / "config.json").is_file():
            raise UsageError(f"{path} holds no run: there is no config.json in it")
        fields = read_json(path / "config.json")
        try:
            return cls(path, RunConfig.from_fields(fields))
        except FileError as error:
            raise FileError(f"{path / 'config.json'}: {error}") from None

    def relative(self, path: Path) -> str:
        """`path` as the files of this run write it."""
        return path.relative_to(self.path).as_posix()

    def chunks(self, count: int) -> list[Chunk]:
        """Divide the members into `count` chunks, or as an earlier start of this run divided them."""
        training = self.path / "training"
        names = [re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", folder.name) for folder in training.glob("*")]
        ranges = sorted((int(name[1]), int(name[2]) + 1) for name in names if name)
        members = self.config.members
        if not ranges or [start for start, _ in ranges] + [members] != [0] + [stop for _, stop in ranges]:
            cuts = [members * n // count for n in range(count + 1)]
            ranges = list(itertools.pairwise(cuts))
        return [Chunk(training, range(start, stop)) for start, stop in ranges]

    def checkpoints(self) -> list[tuple[int, range, Path]]:
        """The generators kept through training: step, members and file, by step."""
        found = [
            (int(path.stem), chunk.members, path)
            for chunk in self.chunks(1)
            for path in (chunk.folder / "checkpoints").glob("*.safetensors")
            if path.stem.isdecimal()
        ]
        return sorted(found, key=lambda checkpoint: (checkpoint[0], checkpoint[1][0]))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the system releases it when the process dies. Raises FileError."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise FileError(f"cannot write {self.path / 'lock'}: {error.strerror or error}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise FileError(f"another process works on {self.path}: wait for it, or choose another --out") from None
        finally:
            os.close(handle)


def latest_run(folder: Path) -> Path:
    """The run in `folder` that was started last. Raises UsageError where there is none."""
    runs = [path.parent for path in folder.glob("*/config.json")]
    if not runs:
        raise UsageError(f"nothing to resume in {folder}: name a run with --out, or leave out --resume to start one")
    return max(runs, key=lambda run: (run / "config.json").stat().st_mtime_ns)
