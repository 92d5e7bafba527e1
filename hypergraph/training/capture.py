"""Repeat a step on a GPU as a CUDA graph: all its kernels are launched at once, and Python runs once only."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from hypergraph.training.schedule import Numbers

K = TypeVar("K", bound=Hashable)

WAITING = "called a synchronizing"
"""Part of torch's warning where the host waits for a GPU."""


class StepResult(NamedTuple):
    """What a step tells, each [member]."""

    beta: Tensor
    loss: Tensor
    kl: Tensor
    """In nats"""


class CapturedStep(Generic[K]):
    """Does what `update` does: the first two steps of a kind as they are, the third recorded, later ones repeated.

    A graph repeats the same kernels on the same memory. What differs from step to step reaches it in two ways: numbers
    are written into scalars on the device, and the graph takes up the random streams where the caller set them.

    A graph cannot hold a step in which the host waits for the device, as it does where a task reads a number. The
    second step shows it, because the first makes what later ones find made. Then all steps are done as they are.

    Args:
        update: what to repeat, for a kind of step, which decides all shapes, and numbers.
        rngs: the random streams that it draws from, on a GPU.
        record: False to do every step as it is, for comparison.
    """

    def __init__(
        self, update: Callable[[K, Numbers], StepResult], rngs: Sequence[torch.Generator], record: bool = True
    ) -> None:
        self._update, self._rngs, self._records = update, rngs, record
        scalars = torch.zeros(len(Numbers._fields), dtype=torch.float64, device=rngs[0].device)
        self._scalars = scalars.unbind()
        self._numbers = Numbers(*self._scalars)
        self._side = torch.cuda.Stream()
        self.forget()

    def forget(self) -> None:
        """Give the memory of all graphs back: their kinds of steps are over."""
        self._pool = torch.cuda.graph_pool_handle()  # only one of the graphs runs at a time
        self._times: Counter[K] = Counter()
        self._graphs: dict[K, tuple[torch.cuda.CUDAGraph, StepResult]] = {}

    def __call__(self, kind: K, numbers: Numbers) -> StepResult:
        for scalar, number in zip(self._scalars, numbers, strict=True):
            scalar.fill_(number)
        if not self._records:
            return self._update(kind, self._numbers)
        self._times[kind] += 1
        if self._times[kind] == 1:
            return self._beside(kind)
        if self._times[kind] == 2:
            with _noting_waits() as waits:
                result = self._beside(kind)
            self._records = not waits
            return result
        if kind not in self._graphs:
            self._graphs[kind] = self._record(kind)
        graph, result = self._graphs[kind]
        graph.replay()
        return StepResult(*(each.clone() for each in result))  # the next step writes over these

    def _beside(self, kind: K) -> StepResult:
        """Do a step beside the usual stream, as recording does; libraries get ready in it."""
        usual = torch.cuda.current_stream()
        self._side.wait_stream(usual)
        with torch.cuda.stream(self._side):
            result = self._update(kind, self._numbers)
        usual.wait_stream(self._side)
        return result

    def _record(self, kind: K) -> tuple[torch.cuda.CUDAGraph, StepResult]:
        graph = torch.cuda.CUDAGraph()
        for rng in self._rngs:
            graph.register_generator_state(rng)
        with torch.cuda.graph(graph, pool=self._pool):
            result = self._update(kind, self._numbers)
        return graph, result


@contextlib.contextmanager
def _noting_waits() -> Iterator[list[str]]:
    """Collect, until the end, a warning for every time that the host waited for the device."""
    waits: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
    waits += [text for text in (str(each.message) for each in told) if WAITING in text]
