"""A worker takes no more of anything after many steps than after few; `make soak` watches longer, and from outside."""

from __future__ import annotations

import gc
import threading
import warnings
from pathlib import Path

import psutil
import pytest
import torch

from hypergraph.engines.chunk import train_chunk
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import ignore
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


class Looking(threading.Event):
    """Looks each time a training asks whether to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[tuple[int, int, int]] = []

    def is_set(self) -> bool:
        """No."""
        self.looks.append(taken())
        return False


@pytest.mark.slow
def test_nothing_grows(tmp_path: Path) -> None:
    specs = tuple(MLPSpec((size, 6, 1)) for size in (2, 3, 4))
    run = RunDirectory.create(tmp_path, RunConfig("l1norm", specs, 2, 0, "cpu", Recipe(steps=40, batch=16)))
    (chunk,) = run.chunks
    stop = Looking()
    with run.lock():
        assert train_chunk(run, chunk, ignore, stop)
    assert len(stop.looks) == 41
    assert len(set(stop.looks[11:])) == 1
