"""The files of a chunk that travel between the run's folder and a node."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hypergraph.errors import file_errors
from hypergraph.runs.directory import Chunk
from hypergraph.runs.events import Members
from hypergraph.storage.atomic import write_bytes

STATE, TRAINED, LOG, PROVENANCE = "state.safetensors", "trained.safetensors", "log.txt", "provenance.json"
LOGS = ("metrics.jsonl", "failures.json", PROVENANCE)
MAX_LOG_BYTES = 2**16
"""How much of the end of a worker's log travels."""


def members_of(chunk: Chunk) -> Members:
    """The first and the last member of a chunk."""
    return chunk.members[0], chunk.members[-1]


def start_files(chunk: Chunk) -> dict[str, bytes]:
    """What a training needs to go on from the saved state. Raises FileError."""
    return {name: data for name in (STATE, *LOGS) if (data := _read(chunk, name)) is not None}


def write_files(chunk: Chunk, files: Mapping[str, bytes]) -> None:
    """Write files of a chunk, each atomically: a state after all that a training wrote before it. Raises FileError."""
    last = {STATE: 1, TRAINED: 2}
    for name in sorted(files, key=lambda name: last.get(name, 0)):
        if name != LOG:
            write_bytes(chunk.folder / name, files[name])
        elif files[LOG]:
            with file_errors("write", chunk.log), chunk.log.open("ab") as log:
                log.write(files[LOG])


class Changes:
    """Tells which files of a chunk changed since they were last asked for. What is there at first is no change."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._seen: dict[str, tuple[int, ...]] = {}
        self.take()

    def take(self) -> dict[str, bytes]:
        """The content of the files that changed, by their path in the chunk's folder. Raises FileError.

        A training may go on meanwhile. What it wrote before a file is read after it, so that no state comes without
        what belongs to it.
        """
        return {name: data for name in self._names() if (data := self._changed(name)) is not None}

    def _names(self) -> Iterator[str]:
        yield from (TRAINED, STATE, *LOGS)
        for path in self._chunk.checkpoints.glob("*.safetensors"):
            yield path.relative_to(self._chunk.folder).as_posix()

    def _changed(self, name: str) -> bytes | None:
        path = self._chunk.folder / name
        with file_errors("read", path):
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    key = (status.st_ino, status.st_mtime_ns, status.st_size)
                    if self._seen.get(name) == key:
                        return None
                    data = file.read()
            except FileNotFoundError:
                return None
        self._seen[name] = key
        return data


def log_end(chunk: Chunk) -> bytes:
    """The end of a worker's log. Raises FileError."""
    return (_read(chunk, LOG) or b"")[-MAX_LOG_BYTES:]


def _read(chunk: Chunk, name: str) -> bytes | None:
    """The content of a file, None where there is none."""
    path = chunk.folder / name
    with file_errors("read", path):
        return path.read_bytes() if path.exists() else None
