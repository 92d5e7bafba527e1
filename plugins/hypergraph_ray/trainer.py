"""The actor that trains a chunk on a node. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import queue
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import ray

from hypergraph.engines.process import Failed, Inbox, ReportingProcess, start_worker
from hypergraph.errors import FileError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Members, Trained
from hypergraph.storage.atomic import make_folder
from hypergraph.storage.locks import file_lock
from hypergraph_ray.files import LOG, Changes, log_end, write_files
from hypergraph_ray.messages import Report

SCRATCH = "hypergraph-ray-"
"""Prefix of the folders in which nodes train."""


class Trainer:
    """Trains one chunk: in a worker process, and in a folder of this node, whose changed files it reports."""

    def __init__(self) -> None:
        self._asked_to_stop = False
        self._starting = threading.Lock()
        self._worker: ReportingProcess | None = None
        self._failure: str | None = None
        self._inbox: Inbox = queue.SimpleQueue()

    def place(self) -> tuple[str, str]:
        """The id and the name of this node."""
        return place()

    def train(
        self,
        config: Mapping[str, Any],
        members: Members,
        files: Mapping[str, bytes],
        environment: Mapping[str, str],
        log: str,
    ) -> Report:
        """Start the training from `files`, and report first of it; `log` is the name of its log that is told.

        Raises FileError where this node's folder for temporary files cannot be written.
        """
        self._folder, self._told_log = scratch_folder(), Path(log)
        run = RunDirectory.create(self._folder / "run", RunConfig.from_fields(config))
        self._chunk = Chunk(run.training, range(members[0], members[1] + 1))
        make_folder(self._chunk.checkpoints)
        write_files(self._chunk, files)
        self._changes = Changes(self._chunk)
        with self._starting:
            self._worker = start_worker(run, self._chunk, self._inbox, environment)
            if self._asked_to_stop:
                self._worker.ask_to_stop()
        return self.report(0)

    def report(self, gather_s: float) -> Report:
        """Wait for news, and go on gathering them for `gather_s` seconds from now. Raises FileError."""
        messages, until = [self._inbox.get()[1]], time.monotonic() + gather_s
        with contextlib.suppress(queue.Empty):
            while messages[-1] is not None:
                messages.append(self._inbox.get(timeout=max(0, until - time.monotonic()))[1])
        ended = messages[-1] is None
        for message in messages:
            if isinstance(message, Failed):
                self._failure = message.reason
        files = self._changes.take()
        if ended:
            assert self._worker is not None
            if not self._failure and self._worker.process.returncode and not self._asked_to_stop:
                self._failure = self._worker.death(self._told_log)
            files[LOG] = log_end(self._chunk)
            shutil.rmtree(self._folder, ignore_errors=True)
        return Report(_newest(messages), files, ended, self._failure if ended else None)

    def stop(self) -> None:
        """Ask the worker to finish its step and save; may be called while another method is at work."""
        with self._starting:
            self._asked_to_stop = True
            if self._worker is not None:
                self._worker.ask_to_stop()


def place() -> tuple[str, str]:
    """The id and the name of the node of this process."""
    return ray.get_runtime_context().get_node_id(), f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def _newest(messages: list[Any]) -> list[bytes]:
    """The events among the messages, encoded, without those that only report steps which later ones report too."""
    events = [message for message in messages if message is not None and not isinstance(message, Failed)]
    last = max((number for number, event in enumerate(events) if isinstance(event, Trained)), default=-1)
    newest = [event for number, event in enumerate(events) if number == last or not isinstance(event, Trained)]
    return list(map(msgspec.json.encode, newest))


def scratch_folder() -> Path:
    """A new folder for temporary files, which is held until this process ends; those of dead processes are removed.

    Raises FileError.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{SCRATCH}"))
    except OSError as error:
        raise FileError(f"cannot write {tempfile.gettempdir()}: {error.strerror}") from None
    for old in folder.parent.glob(f"{SCRATCH}*"):
        with contextlib.suppress(FileError), file_lock(old / "lock"):  # its process holds it
            shutil.rmtree(old, ignore_errors=True)
    _held.enter_context(file_lock(folder / "lock"))
    return folder.rename(folder.with_name(folder.name[1:]))


_held = contextlib.ExitStack()
"""The lock of this process's folder."""
