"""A self-attention head at every neuron (Appendix B.2): over all its incident weights, incoming and outgoing together.

Every weight feeds one set of key, query and value to the neuron in front and another to the neuron behind, and gets
one result back from each.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import ATTENTION_IN, ATTENTION_OUT, ENDS, HEAD


def attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """Attend at every neuron.

    Args:
        projections: [member, ATTENTION_IN, side, weight], ordered [key, query, value][front, behind][HEAD].
        graph: whose neurons attend.

    Returns:
        [member, ATTENTION_OUT, side, weight], ordered [front, behind][HEAD].
    """
    if _library is not None and projections.device.type == "cpu" and projections.dtype in _SUFFIX:
        result: Tensor = _KernelAttention.apply(projections, graph)  # type: ignore[no-untyped-call]
        return result
    return bucket_attention(projections, graph)


def bucket_attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """:func:`attention` with torch operators, one dense batch per degree: any device, any dtype."""
    members, _, sides, weights = projections.shape
    by_slot = projections.unflatten(1, (3, ENDS, HEAD)).permute(0, 1, 4, 2, 5, 3).flatten(3, 4)
    by_neuron = by_slot.index_select(3, graph.slots)
    sizes = [neurons * degree for neurons, degree in graph.buckets]
    results = []
    for (neurons, degree), bucket in zip(graph.buckets, by_neuron.split(sizes, 3), strict=True):
        keys, queries, values = bucket.unflatten(3, (neurons, degree)).unbind(1)
        results.append(F.scaled_dot_product_attention(queries, keys, values).flatten(2, 3))
    slots = torch.cat(results, 2).index_select(2, torch.argsort(graph.slots))
    return slots.view(members, sides, ENDS, weights, HEAD).permute(0, 2, 4, 1, 3).flatten(1, 2)


def _load_kernel() -> ctypes.CDLL | None:
    """The compiled kernel beside this file; None where the installation found no compiler."""
    for path in Path(__file__).parent.glob("_attention*.so"):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


_library = _load_kernel()
_FLAVOUR = "_avx2" if _library is not None and _library.attention_has_avx2() else ""
_SUFFIX = {torch.float32: f"float32{_FLAVOUR}", torch.float64: f"float64{_FLAVOUR}"}


def _call(name: str, projections: Tensor, graph: ComputationGraph, *buffers: Tensor) -> None:
    members, _, sides, weights = projections.shape
    shape = (projections.stride(0), projections.stride(1), members, sides, weights)
    function = getattr(_library, f"attention_{name}_{_SUFFIX[projections.dtype]}")
    failed = function(
        ctypes.c_void_p(projections.data_ptr()),
        *map(ctypes.c_int64, shape),
        ctypes.c_void_p(graph.slots.data_ptr()),
        ctypes.c_void_p(graph.starts.data_ptr()),
        ctypes.c_int64(len(graph.starts) - 1),
        *(ctypes.c_void_p(buffer.data_ptr()) for buffer in buffers),
    )
    if failed:
        raise MemoryError("attention ran out of memory")


class _KernelAttention(torch.autograd.Function):
    """The compiled kernel: 3 to 4 times as fast as the torch operators on one core at (16, 48, 1)."""

    @staticmethod
    def forward(ctx: Any, projections: Tensor, graph: ComputationGraph) -> Tensor:
        members, _, sides, weights = projections.shape
        if projections.stride()[2:] != (weights, 1):
            projections = projections.contiguous()
        out = projections.new_empty(members, ATTENTION_OUT, sides, weights)
        most = projections.new_empty(members, sides, ENDS * weights)
        share = torch.empty_like(most)
        _call("forward", projections, graph, out, most, share)
        ctx.graph = graph
        ctx.save_for_backward(projections, most, share)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        projections, most, share = ctx.saved_tensors
        members, _, sides, weights = projections.shape
        by_projection = projections.new_empty(members, ATTENTION_IN, sides, weights)
        _call("backward", projections, ctx.graph, grad.contiguous(), most, share, by_projection)
        return by_projection, None
