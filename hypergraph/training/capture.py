"""Repeat a step on a GPU as a CUDA graph: all its kernels are launched at once, and Python runs once only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from hypergraph.training.schedule import Numbers

K = TypeVar("K", bound=Hashable)


class StepResult(NamedTuple):
    """What a step tells, each [member]."""

    beta: Tensor
    loss: Tensor
    kl: Tensor
    """In nats"""


class CapturedStep(Generic[K]):
    """Does what `update` does: the first step of a kind as it is, the second recorded, later ones repeated.

    A graph repeats the same kernels on the same memory. What differs from step to step reaches it in two ways: numbers
    are written into scalars on the device, and the graph takes up the random streams where the caller set them.

    Args:
        update: what to repeat, for a kind of step, which decides all shapes, and numbers.
        rngs: the random streams that it draws from, on a GPU.
    """

    def __init__(self, update: Callable[[K, Numbers], StepResult], rngs: Sequence[torch.Generator]) -> None:
        self._update, self._rngs = update, rngs
        scalars = torch.zeros(len(Numbers._fields), dtype=torch.float64, device=rngs[0].device)
        self._scalars = scalars.unbind()
        self._numbers = Numbers(*self._scalars)
        self._pool = torch.cuda.graph_pool_handle()  # only one of the graphs runs at a time
        self._graphs: dict[K, tuple[torch.cuda.CUDAGraph, StepResult] | None] = {}

    def __call__(self, kind: K, numbers: Numbers) -> StepResult:
        for scalar, number in zip(self._scalars, numbers, strict=True):
            scalar.fill_(number)
        if kind not in self._graphs:
            self._graphs[kind] = None
            return self._warm_up(kind)
        graph, result = self._graphs[kind] = self._graphs[kind] or self._record(kind)
        graph.replay()
        return StepResult(*(each.clone() for each in result))  # the next step writes over these

    def _warm_up(self, kind: K) -> StepResult:
        """Do a step beside the usual stream, as recording does; libraries get ready in it."""
        usual, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(usual)
        with torch.cuda.stream(side):
            result = self._update(kind, self._numbers)
        usual.wait_stream(side)
        return result

    def _record(self, kind: K) -> tuple[torch.cuda.CUDAGraph, StepResult]:
        graph = torch.cuda.CUDAGraph()
        for rng in self._rngs:
            graph.register_generator_state(rng)
        with torch.cuda.graph(graph, pool=self._pool):
            result = self._update(kind, self._numbers)
        return graph, result
