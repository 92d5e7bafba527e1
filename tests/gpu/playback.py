"""CUDA graphs for a machine without a GPU: a recording of torch operators, which is played back on the same memory.

As with CUDA graphs, Python does not run again, tensors stay where they are, and random streams go on from where the
caller set them. What a graph cannot hold fails: a read of numbers by the host, and a stream that was not registered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hypergraph.model import hypernetwork
from hypergraph.training import optimizer

aten = torch.ops.aten
READS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten._unique2, aten.unique_dim}
"""Operations whose result, or its shape, the host must know before it goes on."""


class NoReads(TorchDispatchMode):
    """Fails where the host reads numbers, as `torch.cuda.set_sync_debug_mode("error")` does on a GPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func.overloadpacket in READS:  # type: ignore[attr-defined]
            raise RuntimeError(f"the host waits for {func}")
        return func(*args, **(kwargs or {}))


class Recording(NoReads):
    """What `torch.cuda.CUDAGraph` is on a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., Any], Any, dict[str, Any], Any]] = []
        self.streams: set[int] = set()
        self._fresh = True

    def register_generator_state(self, rng: Any) -> None:
        self.streams.add(rng._cdata)  # an operator gets another Python object of the same stream

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        rng: Any = kwargs.get("generator")
        if rng is not None and rng._cdata not in self.streams:
            raise RuntimeError(f"{func} draws from a stream that was not registered")
        results = super().__torch_dispatch__(func, types, args, kwargs)
        self.calls.append((func, args, kwargs, results))
        return results

    @torch.no_grad()
    def replay(self) -> None:
        """The first time, nothing: on a GPU, recording computes nothing."""
        if not self._fresh:
            for func, args, kwargs, results in self.calls:
                _overwrite(results, func(*args, **kwargs))
        self._fresh = False


def _overwrite(recorded: Any, now: Any) -> None:
    for old, new in zip(tree_leaves(recorded), tree_leaves(now), strict=True):
        if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
            old.copy_(new)


@contextlib.contextmanager
def _record(recording: Recording, pool: object) -> Iterator[None]:
    with recording:
        yield


@contextlib.contextmanager
def played_back() -> Iterator[None]:
    """Let `torch.cuda` record and play back on the CPU, and compute with torch operators alone, as on a GPU."""
    stands_in: dict[str, Any] = {
        "CUDAGraph": Recording,
        "graph": _record,
        "graph_pool_handle": lambda: (0, 0),
        "Stream": mock.Mock,
        "current_stream": mock.Mock,
        "stream": contextlib.nullcontext,
    }
    with (
        mock.patch.multiple(torch.cuda, **stands_in),
        mock.patch.object(hypernetwork, "available", return_value=False),
        mock.patch.object(optimizer, "adam_available", return_value=False),
    ):
        yield
