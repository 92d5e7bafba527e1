"""The blocks of a hyperlayer in compiled C, for the CPU: one pass forward and one back, attention in cache.

It does what `torch_blocks` in hyperlayer.py does; `make bench` measures what it gains. The installation builds it where
it finds a C compiler; where it finds none, or on a GPU, the torch operators do the work.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import COMPUTED, ENDS

PAIRS_PER_THREAD = 50_000
"""How many pairs of slots must attend to each other to be worth a thread."""


def _load() -> ctypes.CDLL | None:
    """The first library beside this file that loads, the one with threads before the serial one; None without any."""
    for path in sorted(Path(__file__).parent.glob("_blocks*.so")):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


_library = _load()
_FLAVOUR = "_avx2" if _library is not None and _library.blocks_have_avx2() else ""
BLOCKS = "torch operators" if _library is None else f"compiled{_FLAVOUR}"
"""How blocks are computed on the CPU here; each way rounds in its own."""
_TYPES = {torch.float32: "float32", torch.float64: "float64"}


def available(tensor: Tensor) -> bool:
    """Whether the compiled blocks can work on such a tensor."""
    return _library is not None and tensor.device.type == "cpu" and tensor.dtype in _TYPES


def compiled_blocks(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
    """As `torch_blocks` in hyperlayer.py. Raises MemoryError."""
    result: tuple[Tensor, Tensor] = _Blocks.apply(preactivations, draws, graph)  # type: ignore[no-untyped-call]
    return result


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
        preactivations = preactivations.contiguous()
        if draws.stride()[1:] != (draws.shape[2], 1) or draws.dtype != preactivations.dtype:
            draws = draws.to(preactivations.dtype).contiguous()
        members, _, sides, weights = preactivations.shape
        computed = preactivations.new_empty(members, COMPUTED, sides, weights)
        kl = preactivations.new_empty(members, weights)
        most = preactivations.new_empty(members, sides, ENDS * weights)
        share = torch.empty_like(most)
        _call("forward", graph, preactivations, draws, computed, kl, most, share)
        ctx.graph = graph
        ctx.save_for_backward(preactivations, draws, computed, most, share)
        return computed, kl

    @staticmethod
    def backward(ctx: Any, by_computed: Tensor, by_kl: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("the compiled blocks have no second derivative; torch_blocks has")
        preactivations, draws, computed, most, share = ctx.saved_tensors
        result = torch.empty_like(preactivations)
        buffers = computed, by_computed.contiguous(), by_kl.contiguous(), most, share, result
        _call("backward", ctx.graph, preactivations, draws, *buffers)
        return result, None, None


class _Part(ctypes.Structure):
    """`struct part` of _blocks.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("members", "sides", "weights")),
        *((name, ctypes.c_void_p) for name in ("slots", "starts")),
        *((name, ctypes.c_int64) for name in ("neuron", "last_neuron", "weight", "last_weight", "draws_member")),
    ]


def _call(name: str, graph: ComputationGraph, preactivations: Tensor, draws: Tensor, *buffers: Tensor) -> None:
    """`draws` may be a slice [member, DRAWS, weight] of a larger tensor; everything else is contiguous."""
    tensors = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (preactivations, draws, *buffers)]
    members, _, sides, weights = preactivations.shape
    worth = members * sides * graph.pairs // PAIRS_PER_THREAD
    parts = [
        _Part(members, sides, weights, graph.slots.data_ptr(), graph.starts.data_ptr(), *bounds, draws.stride(0))
        for bounds in _bounds(graph, max(1, min(worth, torch.get_num_threads())))
    ]
    function = getattr(_library, f"blocks_{name}_{_TYPES[preactivations.dtype]}{_FLAVOUR}")
    if function((_Part * len(parts))(*parts), ctypes.c_int64(len(parts)), *tensors):
        raise MemoryError("the blocks of a hyperlayer ran out of memory")


def _bounds(graph: ComputationGraph, parts: int) -> Iterator[tuple[int, int, int, int]]:
    """First and last neuron, first and last weight of each part: neurons with about equally many pairs of slots."""
    if parts == 1:
        return iter([(0, len(graph.starts) - 1, 0, graph.weights)])
    pairs = graph.starts.diff().square().cumsum(0)
    cuts = [graph.pairs * part // parts for part in range(1, parts)]
    neurons = [0, *torch.searchsorted(pairs, torch.tensor(cuts)).tolist(), len(pairs)]
    weights = [graph.weights * part // parts for part in range(parts + 1)]
    return zip(neurons[:-1], neurons[1:], weights[:-1], weights[1:], strict=True)
