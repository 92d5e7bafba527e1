"""The blocks of a hyperlayer in compiled C, for the CPU: one pass forward and one back, attention in cache.

It does what `torch_blocks` in hyperlayer.py does; `make bench` measures what it gains. The installation builds it where
it finds a C compiler; where it finds none, or on a GPU, the torch operators do the work.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import COMPUTED, ENDS


def _load() -> ctypes.CDLL | None:
    """The library beside this file; None where there is none that loads."""
    for path in Path(__file__).parent.glob("_blocks*.so"):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


_library = _load()
_FLAVOUR = "_avx2" if _library is not None and _library.blocks_have_avx2() else ""
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
        _call("forward", preactivations, draws, graph, computed, kl, most, share)
        ctx.graph = graph
        ctx.save_for_backward(preactivations, draws, most, share)
        return computed, kl

    @staticmethod
    def backward(ctx: Any, by_computed: Tensor, by_kl: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("the compiled blocks have no second derivative; torch_blocks has")
        preactivations, draws, most, share = ctx.saved_tensors
        result = torch.empty_like(preactivations)
        inputs = by_computed.contiguous(), by_kl.contiguous(), most, share
        _call("backward", preactivations, draws, ctx.graph, *inputs, result)
        return result, None, None


def _call(name: str, preactivations: Tensor, draws: Tensor, graph: ComputationGraph, *buffers: Tensor) -> None:
    """`draws` may be a slice [member, DRAWS, weight] of a larger tensor; everything else is contiguous."""
    members, _, sides, weights = preactivations.shape
    function = getattr(_library, f"blocks_{name}_{_TYPES[preactivations.dtype]}{_FLAVOUR}")
    failed = function(
        *map(ctypes.c_int64, (members, sides, weights)),
        _pointer(graph.slots),
        _pointer(graph.starts),
        ctypes.c_int64(len(graph.starts) - 1),
        _pointer(preactivations),
        _pointer(draws),
        ctypes.c_int64(draws.stride(0)),
        *map(_pointer, buffers),
    )
    if failed:
        raise MemoryError("the blocks of a hyperlayer ran out of memory")


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
