"""The chunks of a run, trained on the nodes. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec
import ray

from hypergraph.errors import BusyError, FileError, HypergraphError
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.records import Provenance
from hypergraph_ray.cluster import plugins_setting
from hypergraph_ray.files import PROVENANCE, STATE, members_of, start_files, write_files
from hypergraph_ray.messages import Job, PieceFailed, Report
from hypergraph_ray.pieces import Attempt, Pieces
from hypergraph_ray.trainer import Trainer

BUSY_S = 0.1
"""Pause before a chunk is asked for again that another process holds."""
ROUNDS = 2
"""A chunk gathers its news for so many times as long as the driver takes for a report of each chunk at work.

So the driver keeps up with any number of chunks: states that follow each other closely are sent once, the newest.
"""


class Training(Pieces[Chunk]):
    """Has the unfinished chunks of a run trained, and writes what comes back into it."""

    actor = ray.remote(Trainer)
    calls = 2  # it can be stopped while it works

    def __init__(self, run: RunDirectory, job: Job, head: str, tell: Callable[[bytes], None]) -> None:
        waiting = [chunk for chunk in run.chunks if not chunk.trained.exists()]
        super().__init__(run.config, job, head, waiting, tell)
        self._fields = run.config.to_fields()
        self._report_s = 0.0

    def title(self, piece: Chunk) -> str:
        return piece.name

    def stop(self) -> None:
        """Let the chunks at work finish their step and save. May be called in another thread."""
        self._stopping.set()
        for attempt in list(self._attempts):
            if attempt.placed.is_set():
                attempt.actor.stop.remote()

    def work(self) -> None:
        """Train. Raises HypergraphError where it cannot go on, after all chunks at work have saved."""
        try:
            super().work()
        except HypergraphError:
            self.stop()
            while self._calls:  # what can still be saved
                with contextlib.suppress(HypergraphError):
                    self._give_out()
                    self._gather()
            raise

    def begin(self, attempt: Attempt[Chunk]) -> None:
        chunk = attempt.piece
        try:
            with chunk.lock():  # which also removes half-written files
                files = start_files(chunk)
        except BusyError:  # a worker that outlives the engine of this machine for one step
            time.sleep(BUSY_S)
            self._calls[attempt.actor.place.remote()] = attempt
            return
        attempt.resumed = STATE in files
        words = self._fields, members_of(chunk), files, plugins_setting(), str(chunk.log)
        self._calls[attempt.actor.train.remote(*words)] = attempt

    def _receive(self, attempt: Attempt[Chunk], call: Any) -> None:
        started, reports = time.monotonic(), attempt.placed.is_set()
        super()._receive(attempt, call)
        if reports:
            self._report_s += 0.1 * (time.monotonic() - started - self._report_s)

    def take(self, attempt: Attempt[Chunk], answer: Any) -> None:
        if self._is_accepted(attempt, answer):
            self._write(attempt, answer)
            if not answer.ended:
                gather_s = ROUNDS * len(self._attempts) * self._report_s
                self._calls[attempt.actor.report.remote(gather_s)] = attempt
                return
            self._give_up(attempt)
            if self.config.is_large and attempt.piece.trained.exists():
                attempt.piece.remove_state()
            if answer.failure:
                self._count_failure(attempt, answer.failure)
            elif not attempt.piece.trained.exists() and not self._stopping.is_set():
                self._waiting.appendleft(attempt.piece)

    def _is_accepted(self, attempt: Attempt[Chunk], report: Report) -> bool:
        """Whether a report comes from a node of the versions here; of another, nothing is written."""
        if PROVENANCE not in report.files:
            return True
        return self._accepts(attempt, msgspec.json.decode(report.files[PROVENANCE], type=list[Provenance])[-1].versions)

    def _write(self, attempt: Attempt[Chunk], report: Report) -> None:
        """Write what came, then tell of it. Raises HypergraphError."""
        try:
            write_files(attempt.piece, report.files)
        except FileError as error:
            self._give_up(attempt)
            self.tell(PieceFailed(attempt.piece.name, str(error)))
            raise
        if STATE in report.files and attempt.resumed:
            self._failed_on.pop(attempt.piece, None)
        attempt.resumed = True
        for event in report.events:
            self._tell_line(event)
