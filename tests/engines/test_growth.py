"""A worker takes no more of anything after many steps than after few; `make soak` watches longer, and from outside."""

from __future__ import annotations

import gc
import threading
import warnings
from pathlib import Path

import psutil
import torch

from hypergraph.engines.worker import Worker
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe


def taken() -> tuple[int, int, int]:
    """Tensors, open files and threads of this process."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some objects warn when they are looked at
        tensors = sum(isinstance(each, torch.Tensor) for each in gc.get_objects())
    process = psutil.Process()
    return tensors, process.num_fds(), process.num_threads()


def test_nothing_grows(tmp_path: Path) -> None:
    specs = tuple(MLPSpec((size, 6, 1)) for size in (2, 3, 4))
    run = RunDirectory.create(tmp_path, RunConfig("l1norm", specs, 2, 0, "cpu", Recipe(steps=40, batch=16)))
    (chunk,) = run.chunks
    with run.lock():
        worker = Worker(run, chunk, threading.Event())
    looks = []

    def look() -> bool:
        looks.append(taken())
        return False

    worker.stop.is_set = look  # type: ignore[method-assign]
    assert worker.run()
    assert len(looks) == 40
    assert len(set(looks[10:])) == 1
