"""Load the compiled blocks and call them as one autograd function, equivalent to `torch_blocks` in hyperlayer.py.

The installation builds them where there is a C compiler. Without one, or on a GPU, torch operators are used instead.
`make bench` measures the difference.
"""

from __future__ import annotations

import ctypes
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import COMPUTED, ENDS, HEAD

PAIRS_PER_THREAD = 50_000
"""Pairs of slots that are worth one more thread."""
ABI_VERSION = 1
"""As in blocks.c; it grows whenever arguments or structs change."""
MAX_PLACES = 2**31
"""Attention stores places in the hyperfeatures of one side as int32."""
_TYPES = {torch.float32: "float32", torch.float64: "float64"}
_log = logging.getLogger(__name__)


class WorkSlice(ctypes.Structure):
    """`struct work_slice` of blocks.c: the neurons and weights of one thread."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("members", "sides", "weights")),
        *((name, ctypes.c_void_p) for name in ("slots", "starts")),
        *((name, ctypes.c_int64) for name in ("first_neuron", "end_neuron", "first_weight", "end_weight")),
        ("draws_stride", ctypes.c_int64),
    ]


def load(folder: Path) -> ctypes.CDLL | None:
    """Load the first library in `folder` that works; the one with threads comes before the serial one.

    Returns None where there is none, or, with a warning, where it was built from other sources than this file.
    """
    for path in sorted(folder.glob("_blocks*.so")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        if _fits(library):
            return library
        _log.warning("%s is stale, so torch operators do its work: install hypergraph again", path)
        break
    return None


def _fits(library: ctypes.CDLL) -> bool:
    try:
        found = library.blocks_abi_version(), library.blocks_struct_size()
    except AttributeError:
        return False
    return found == (ABI_VERSION, ctypes.sizeof(WorkSlice))


_library = load(Path(__file__).parent)
_FLAVOUR = "_avx2" if _library is not None and _library.blocks_have_avx2() else ""
BLOCKS = "torch operators" if _library is None else f"compiled{_FLAVOUR}"
"""How this machine computes blocks on the CPU; each way rounds differently."""


def available(tensor: Tensor) -> bool:
    """Whether the compiled blocks support these preactivations, [..., side, weight]."""
    places = HEAD * math.prod(tensor.shape[-2:]) + tensor.shape[-1]
    return _library is not None and tensor.device.type == "cpu" and tensor.dtype in _TYPES and places <= MAX_PLACES


def compiled_blocks(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> tuple[Tensor, Tensor]:
    """The same as `torch_blocks` in hyperlayer.py. Raises MemoryError."""
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
        max_scores = preactivations.new_empty(members, sides, ENDS * weights)
        inv_sums = torch.empty_like(max_scores)
        _call("forward", graph, preactivations, draws, computed, kl, max_scores, inv_sums)
        ctx.graph = graph
        ctx.save_for_backward(preactivations, draws, computed, max_scores, inv_sums)
        return computed, kl

    @staticmethod
    def backward(ctx: Any, grad_computed: Tensor, grad_kl: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("the compiled blocks have no second derivative; torch_blocks has")
        preactivations, draws, computed, max_scores, inv_sums = ctx.saved_tensors
        grad = torch.empty_like(preactivations)
        grads = grad_computed.contiguous(), grad_kl.contiguous()
        _call("backward", ctx.graph, preactivations, draws, computed, *grads, max_scores, inv_sums, grad)
        return grad, None, None


def _call(name: str, graph: ComputationGraph, preactivations: Tensor, draws: Tensor, *buffers: Tensor) -> None:
    """`draws` may be a slice [member, DRAWS, weight] of a larger tensor; everything else is contiguous."""
    slices = _slices(graph, preactivations, draws)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (preactivations, draws, *buffers)]
    function = getattr(_library, f"blocks_{name}_{_TYPES[preactivations.dtype]}{_FLAVOUR}")
    if function(slices, ctypes.c_int64(len(slices)), *pointers):
        raise MemoryError("the blocks of a hyperlayer ran out of memory")


def _slices(graph: ComputationGraph, preactivations: Tensor, draws: Tensor) -> ctypes.Array[WorkSlice]:
    """The work of each thread, for as many threads as are worthwhile."""
    members, _, sides, weights = preactivations.shape
    worth = members * sides * graph.pairs // PAIRS_PER_THREAD
    shared = members, sides, weights, graph.slots.data_ptr(), graph.starts.data_ptr()
    bounds = _bounds(graph, max(1, min(worth, torch.get_num_threads())))
    slices = [WorkSlice(*shared, *each, draws.stride(0)) for each in bounds]
    return (WorkSlice * len(slices))(*slices)


def _bounds(graph: ComputationGraph, slices: int) -> Iterator[tuple[int, int, int, int]]:
    """First and end neuron, first and end weight of each slice; slices have about equally many pairs of slots."""
    if slices == 1:
        return iter([(0, len(graph.starts) - 1, 0, graph.weights)])
    pairs = graph.starts.diff().square().cumsum(0)
    cuts = [graph.pairs * n // slices for n in range(1, slices)]
    neurons = [0, *torch.searchsorted(pairs, pairs.new_tensor(cuts)).tolist(), len(pairs)]
    weights = [graph.weights * n // slices for n in range(slices + 1)]
    return zip(neurons[:-1], neurons[1:], weights[:-1], weights[1:], strict=True)
