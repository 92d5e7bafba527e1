"""Trains a run's members on this machine: a worker process per core, each with a chunk of the members."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

from hypergraph.engines.worker import STOPPED
from hypergraph.errors import FileError, HypergraphError
from hypergraph.runs.directory import Chunk, RunDirectory

Event = dict[str, Any]
"""What a worker tells: {"step": n}, or a whole line of its metrics."""


LARGE = 10_000
"""Weights over all members. Below, threads wait for each other longer than they work, above all on a busy machine."""
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
"""Lets glibc keep freed memory: a step at 400,000 weights takes less than half the time, and a sixth more memory."""


class TrainingError(HypergraphError):
    """A worker ended before its training did."""


def worker_count(run: RunDirectory) -> int:
    """Processes worth starting: one per core as long as each has a member; one where a GPU does the work."""
    cores = len(os.sched_getaffinity(0))
    return min(cores, run.config.members) if run.config.device == "cpu" else 1


def _environment(run: RunDirectory, workers: int) -> dict[str, str]:
    """What torch and malloc should know before they start."""
    weights = run.config.spec.weight_count * run.config.members
    threads = len(os.sched_getaffinity(0)) // workers if weights >= LARGE else 1
    return {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(max(1, threads))}


def train(run: RunDirectory, chunks: list[Chunk]) -> Generator[tuple[Chunk, Event], None, None]:
    """Train all chunks to the end, telling what the workers tell.

    Closing the iterator, or an exception thrown into it, stops the workers after the step they are at; they save first.

    Raises:
        TrainingError: where a worker fails; the others save and stop.
    """
    environment = _environment(run, len(chunks))
    events: queue.Queue[tuple[Chunk, Event | None]] = queue.Queue()
    workers: list[tuple[Chunk, subprocess.Popen[str]]] = []
    try:
        for chunk in chunks:
            if not chunk.trained.exists():
                workers.append((chunk, _start(run, chunk, environment)))
                threading.Thread(target=_listen, args=(*workers[-1], events), daemon=True).start()
        running = len(workers)
        while running:
            chunk, event = events.get()
            if event is None:
                running -= 1
                _check(chunk, next(worker for each, worker in workers if each is chunk))
            elif "error" in event:
                raise TrainingError(event["error"])
            else:
                yield chunk, event
    finally:
        _stop([worker for _, worker in workers])


def _start(run: RunDirectory, chunk: Chunk, environment: dict[str, str]) -> subprocess.Popen[str]:
    first, last = str(chunk.members[0]), str(chunk.members[-1])
    try:
        chunk.folder.mkdir(parents=True, exist_ok=True)
        log = (chunk.folder / "log.txt").open("a")
    except OSError as error:
        raise FileError(f"cannot write {chunk.folder}: {error.strerror or error}") from None
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "hypergraph.engines.worker", str(run.path), first, last],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,  # an interrupt on the terminal reaches only the parent, which stops the workers
        )


def _listen(chunk: Chunk, worker: subprocess.Popen[str], events: queue.Queue[tuple[Chunk, Event | None]]) -> None:
    assert worker.stdout is not None
    try:
        with worker.stdout as lines:
            for line in lines:
                events.put((chunk, json.loads(line)))
    finally:
        worker.wait()
        events.put((chunk, None))


def _check(chunk: Chunk, worker: subprocess.Popen[str]) -> None:
    if worker.returncode not in (0, STOPPED):
        log = chunk.folder / "log.txt"
        lines = log.read_text(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit status {worker.returncode}"
        raise TrainingError(f"training of members {chunk.folder.name} failed: {reason} (see {log})")


def _stop(workers: list[subprocess.Popen[str]]) -> None:
    """Ask by closing their input, and wait; a second interrupt does not wait."""
    try:
        for worker in workers:
            if worker.stdin is not None:
                with contextlib.suppress(OSError):
                    worker.stdin.close()
        for worker in workers:
            worker.wait()
    except KeyboardInterrupt:
        for worker in workers:
            worker.kill()
        raise
