"""CUDA graphs for a machine without a GPU: a recording of torch operators, which is played back on the same memory.

As with CUDA graphs, Python does not run again, tensors stay where they are, and random streams go on from where the
caller set them. What a graph cannot hold fails: a read of numbers by the host, and a stream that was not registered.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hypergraph.model import hypernetwork
from hypergraph.training import optimizer
from hypergraph.training.capture import WAITING

aten = torch.ops.aten
READS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten._unique2, aten.unique_dim}
"""Operations whose result, or its shape, the host must know before it goes on."""
WAITS = READS | {aten.lift_fresh}
"""These, and a tensor made from the host's numbers: they reach the device at once."""


class NoReads(TorchDispatchMode):
    """Fails where the host waits, as `torch.cuda.set_sync_debug_mode("error")` does on a GPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func.overloadpacket in WAITS:  # type: ignore[attr-defined]
            self.wait(func)
        return func(*args, **(kwargs or {}))

    def wait(self, func: Callable[..., Any]) -> None:
        """What happens where the host waits."""
        raise RuntimeError(f"the host waits for {func}")


class _Warning(NoReads):
    """Warns where the host waits, as `torch.cuda.set_sync_debug_mode("warn")` does on a GPU."""

    def wait(self, func: Callable[..., Any]) -> None:
        warnings.warn(f"{WAITING} operation, {func}", stacklevel=2)


class _SyncDebugMode:
    """What `torch.cuda.set_sync_debug_mode` is on a GPU."""

    def __init__(self) -> None:
        self._warning = contextlib.ExitStack()

    def __call__(self, mode: str | int) -> None:
        self._warning.close()
        if mode == "warn":
            self._warning.enter_context(_Warning())


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
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": _SyncDebugMode(),
    }
    with (
        mock.patch.multiple(torch.cuda, **stands_in),
        mock.patch.object(hypernetwork, "available", return_value=False),
        mock.patch.object(optimizer, "adam_available", return_value=False),
    ):
        yield
