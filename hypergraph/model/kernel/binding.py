"""Load the compiled hypernetwork and call it as one autograd function, equivalent to `torch_hypernetwork`.

The installation builds it where there is a C compiler. Without one, or on a GPU, torch operators are used instead.
`make bench` measures the difference.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypergraph.graph import ComputationGraph

PAIRS_PER_THREAD = 500_000
"""Pairs of slots of one member that are worth one more thread."""
NUMBERS_PER_THREAD = 2_000_000
"""Parameters of a member from which on Adam uses all threads."""
ABI_VERSION = 2
"""As in blocks.c; it grows whenever arguments or structs change."""
MAX_WEIGHTS = 2**30
"""Places of slots, of which a weight has two, are int32."""
_TYPES = {torch.float32: "float32", torch.float64: "float64"}
_log = logging.getLogger(__name__)


class Network(ctypes.Structure):
    """`struct network` of blocks.c: the network that is generated, and how."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("weights", "groups", "neurons", "biases")),
        *((name, ctypes.c_void_p) for name in ("slots", "starts", "target", "incoming", "biased", "log_odds")),
        *((name, ctypes.c_int64) for name in ("members", "sides", "threads", "recompute")),
        *((name, ctypes.c_int64) for name in ("hyperweights_stride", "draws_stride")),
    ]


class AdamStep(ctypes.Structure):
    """`struct adam` of blocks.c: the numbers of one step."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("members", "features", "threads")),
        *((name, ctypes.c_double) for name in ("rate", "root", "beta1", "beta2", "epsilon", "max_norm")),
    ]


class Parameter(ctypes.Structure):
    """`struct parameter` of blocks.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
        *((name, ctypes.c_void_p) for name in ("gradient", "values", "means", "squares")),
    ]


STRUCT_SIZE = sum(map(ctypes.sizeof, (Network, AdamStep, Parameter)))


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
    return found == (ABI_VERSION, STRUCT_SIZE)


def _flavour(library: ctypes.CDLL | None) -> str:
    """The widest vectors that this machine has."""
    if library is not None and library.blocks_have_avx512():
        return "_avx512"
    return "_avx2" if library is not None and library.blocks_have_avx2() else ""


_library = load(Path(__file__).parent)
_FLAVOUR = _flavour(_library)
BLOCKS = "torch operators" if _library is None else f"compiled{_FLAVOUR}"
"""How this machine computes the hypernetwork on the CPU; each way rounds differently."""


def available(tensor: Tensor, graph: ComputationGraph) -> bool:
    """Whether the compiled hypernetwork takes these hyperweights and this network."""
    small = graph.weights <= MAX_WEIGHTS
    return _library is not None and tensor.device.type == "cpu" and tensor.dtype in _TYPES and small


def compiled_hypernetwork(
    hyperweights: Tensor, draws: Tensor, encodings: Tensor, graph: ComputationGraph, encoder: bool, recompute: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The same as `torch_hypernetwork` in hypernetwork.py. Raises MemoryError."""
    inputs = hyperweights, draws, encodings, graph, encoder, recompute
    result: tuple[Tensor, Tensor, Tensor] = _Hypernetwork.apply(*inputs)  # type: ignore[no-untyped-call]
    return result


def adam_available(tensor: Tensor) -> bool:
    """Whether the compiled Adam takes parameters such as this."""
    return _library is not None and tensor.device.type == "cpu" and tensor.dtype in _TYPES


def compiled_adam(features: Tensor, parameters: Sequence[Sequence[Tensor]], *numbers: float) -> Tensor:
    """The same as `torch_adam` in hypergraph/training/optimizer.py; everything is contiguous."""
    members, width = len(features), features.shape[1]
    largest = max(values.numel() for _, values, _, _ in parameters)
    threads = torch.get_num_threads() if largest > NUMBERS_PER_THREAD * members else 1
    table = (Parameter * len(parameters))(
        *(
            Parameter(values.numel() // gradient.numel(), gradient.numel() // members, *(t.data_ptr() for t in tensors))
            for tensors in parameters
            for gradient, values, _, _ in [tensors]
        )
    )
    norms = features.new_empty(members)
    step = AdamStep(members, width, threads, *numbers)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (features, norms)]
    _function("adam", features.dtype)(ctypes.byref(step), table, ctypes.c_int64(len(table)), *pointers)
    return norms


class _Hypernetwork(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hyperweights: Tensor,
        draws: Tensor,
        encodings: Tensor,
        graph: ComputationGraph,
        encoder: bool,
        recompute: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        hyperweights, encodings = hyperweights.contiguous(), encodings.to(hyperweights.dtype).contiguous()
        draws = draws.to(hyperweights.dtype).contiguous()
        shape = len(hyperweights), graph.weights
        network = _network(graph, hyperweights, draws, encoder, recompute or not ctx.needs_input_grad[0])
        network.threads = _threads(graph, shape[0] * (1 + encoder))
        tape = hyperweights.new_empty(shape[0], _function("tape_size", hyperweights.dtype)(ctypes.byref(network)))
        weights, kl = hyperweights.new_empty(shape), hyperweights.new_empty(shape)
        biases = hyperweights.new_empty(shape[0], len(graph.biased))
        _call("forward", network, hyperweights, draws, encodings, tape, weights, biases, kl)
        ctx.graph, ctx.encoder, ctx.network = graph, encoder, network
        ctx.save_for_backward(hyperweights, draws, encodings, tape)
        return weights, biases, kl

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("the compiled hypernetwork has no second derivative; torch_hypernetwork has")
        hyperweights, draws, encodings, tape = ctx.saved_tensors
        grad = torch.empty_like(hyperweights) if ctx.encoder else torch.zeros_like(hyperweights)
        ctx.network.threads = _threads(ctx.graph, 1 + ctx.encoder)
        read = (hyperweights, draws, encodings, tape, *(each.contiguous() for each in grads))
        _call("backward", ctx.network, *read, grad)
        return grad, None, None, None, None, None


def _network(graph: ComputationGraph, hyperweights: Tensor, draws: Tensor, encoder: bool, recompute: bool) -> Network:
    """All but the threads; `graph` must outlive it."""
    sizes = graph.weights, len(graph.starts) - 1, len(graph.incoming), len(graph.biased)
    tensors = graph.slots, graph.starts, graph.target, graph.incoming, graph.biased, graph.log_odds
    pointers = [tensor.data_ptr() for tensor in tensors]
    strides = hyperweights.stride(0), draws.stride(0)
    return Network(*sizes, *pointers, len(hyperweights), 1 + encoder, 1, recompute, *strides)


def _threads(graph: ComputationGraph, sides: int) -> int:
    """As many threads as are worthwhile, for the sides of all members that are worked on."""
    return max(1, min(sides * graph.pairs // PAIRS_PER_THREAD, torch.get_num_threads()))


def _function(name: str, dtype: torch.dtype) -> Any:
    function = getattr(_library, f"blocks_{name}_{_TYPES[dtype]}{_FLAVOUR}")
    function.restype = ctypes.c_int64 if name == "tape_size" else ctypes.c_int
    return function


def _call(name: str, network: Network, *buffers: Tensor) -> None:
    """All buffers are contiguous."""
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in buffers]
    if _function(name, buffers[0].dtype)(ctypes.byref(network), *pointers):
        raise MemoryError("the hypernetwork ran out of memory")
