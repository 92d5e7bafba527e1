"""Trains a run's members on this machine: a worker process per core, each with a chunk of the members."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

from msgspec.structs import replace

from hypergraph.engines.worker import STOPPED
from hypergraph.errors import FileError, HypergraphError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.training.memory import RECOMPUTED, fitting_members

Event = dict[str, Any]
"""What a worker tells: {"step": n}, or a whole line of its metrics."""


LARGE = 10_000
"""Weights over all members. Below, threads wait for each other longer than they work, above all on a busy machine."""
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
"""Lets glibc keep freed memory: a step at 400,000 weights takes less than half the time, and a sixth more memory."""


class TrainingError(HypergraphError):
    """A worker ended before its training did."""


def plan_chunks(config: RunConfig) -> RunConfig:
    """The configuration with as many chunks and threads as this machine suggests.

    A chunk per core as long as each has a member that fits in memory, one where a GPU does the work; and more, to be
    trained one after another, where those do not fit. The cores are shared out as threads where networks are large.
    """
    fitting = fitting_members(config.largest, RECOMPUTED, config.device)
    workers = min(_cores(config), config.members, fitting)
    chunks = min(workers * math.ceil(config.members / (fitting // workers * workers)), config.members)
    large = config.largest.weight_count * config.members >= LARGE
    return replace(config, chunk_count=chunks, threads=max(1, len(os.sched_getaffinity(0)) // workers) if large else 1)


def max_parallel_chunks(config: RunConfig) -> int:
    """How many chunks to train at a time: one per core, as far as they fit in memory."""
    fitting = fitting_members(config.largest, RECOMPUTED, config.device)
    return max(1, min(_cores(config), config.chunk_count, fitting // max(map(len, config.member_ranges))))


def _cores(config: RunConfig) -> int:
    return len(os.sched_getaffinity(0)) if config.device == "cpu" else 1


def train(
    run: RunDirectory, workers: int, stopping: Callable[[], None] = lambda: None
) -> Generator[tuple[Chunk, Event], None, None]:
    """Train all chunks of a run that is held to the end, `workers` at a time, telling what they tell.

    An interrupt, or closing the iterator, stops the workers after the step they are at; they save first, and
    `stopping` is called before they are waited for.

    Raises:
        TrainingError: where a worker fails or is stopped; the others save and stop.
    """
    environment = {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(run.config.threads)}
    events: queue.Queue[tuple[Chunk, Event | None]] = queue.Queue()
    waiting = [chunk for chunk in run.chunks if not chunk.trained.exists()]
    working: dict[Chunk, subprocess.Popen[str]] = {}
    try:
        while waiting or working:
            while waiting and len(working) < workers:
                chunk = waiting.pop(0)
                working[chunk] = _start(run, chunk, environment)
                threading.Thread(target=_listen, args=(chunk, working[chunk], events), daemon=True).start()
            chunk, event = events.get()
            if event is None:
                _stop([working[chunk]])
                _check(chunk, working.pop(chunk))
            elif "error" in event:
                raise TrainingError(event["error"])
            else:
                yield chunk, event
    finally:
        if working:
            stopping()
        _stop(list(working.values()))


def _start(run: RunDirectory, chunk: Chunk, environment: dict[str, str]) -> subprocess.Popen[str]:
    first, last = str(chunk.members[0]), str(chunk.members[-1])
    try:
        log = (chunk.folder / "log.txt").open("a")
    except OSError as error:
        raise FileError(f"cannot write {chunk.folder / 'log.txt'}: {error.strerror or error}") from None
    safely = ["-P"] if sys.version_info >= (3, 11) else []  # else modules in the current folder come before Python's
    with log:
        return subprocess.Popen(
            [sys.executable, *safely, "-m", "hypergraph.engines.worker", str(run.path), first, last],
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
    """Raise TrainingError unless a worker that ended trained its chunk."""
    log = chunk.folder / "log.txt"
    if worker.returncode == 0 and chunk.trained.exists():
        return
    if worker.returncode == STOPPED:
        reason = "stopped by SIGTERM, after saving"
    elif worker.returncode == -signal.SIGKILL:
        reason = "killed by SIGKILL, as a system does that is out of memory"
    elif worker.returncode < 0:
        reason = f"{signal.strsignal(-worker.returncode) or f'signal {-worker.returncode}'} (see {log})"
    else:
        lines = []
        with contextlib.suppress(OSError):  # it may have vanished
            lines = log.read_text(errors="replace").strip().splitlines()
        reason = f"{lines[-1] if lines else f'exit status {worker.returncode}'} (see {log})"
    raise TrainingError(f"training of members {chunk.folder.name} failed: {reason}")


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
