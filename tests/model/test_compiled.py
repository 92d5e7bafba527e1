"""The compiled hypernetwork equals the one of torch operators, in every flavour, layout and number of threads."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import normal, seeds, specs
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH, LEARNED
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS, hyperweight_count, torch_hypernetwork
from hypergraph.model.kernel import binding, compiled_hypernetwork
from hypergraph.spec import MLPSpec

pytestmark = pytest.mark.skipif(binding._library is None, reason="the hypernetwork was not compiled")

Layout = Callable[[Tensor], Tensor]
WIDE = MLPSpec((7, 9, 5))
"""More weights than a tile has, and no whole number of tiles; neurons with more slots than a vector has."""


def flavours() -> list[str]:
    """The suffixes of this machine's vectors and of all narrower ones."""
    names = ["", "_avx2", "_avx512"]
    return names[: names.index(binding._FLAVOUR) + 1]


def random_inputs(seed: int, members: int, weights: int, spread: float = 0.1) -> tuple[Tensor, Tensor]:
    """Hyperweights and draws, float64."""
    shared = normal(seed, members, SHARED_HYPERWEIGHTS) * spread
    learned = normal(seed + 1, members, HYPERDEPTH * LEARNED * weights)
    return torch.cat([shared, learned], 1), normal(seed + 2, members, HYPERDEPTH, DRAWS, weights)


def compute(
    function: Callable[..., tuple[Tensor, ...]],
    graph: ComputationGraph,
    hyperweights: Tensor,
    draws: Tensor,
    *,
    encoder: bool = True,
    recompute: bool = False,
) -> list[Tensor]:
    """Weights, biases, KL, and the gradients of random sums: of weights and biases, and of the KL."""
    leaf = hyperweights.detach().requires_grad_()
    encodings = positional_encodings(graph).to(hyperweights.dtype)
    results = function(leaf, draws, encodings, graph, encoder, recompute)
    along = [normal(n, *result.shape).to(result.dtype) for n, result in enumerate(results)]
    grads = [torch.autograd.grad(results[:2], leaf, along[:2], retain_graph=True)[0]]
    grads += [torch.autograd.grad(results[2], leaf, along[2])[0]] if encoder else []
    return [*(result.detach() for result in results), *grads]


def assert_close(actual: Tensor, expected: Tensor, error: float) -> None:
    """Equal to `error`, relative to the largest number of the tensor."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=error * expected.abs().max().item() + 1e-300)


@given(
    spec=specs(4),
    members=st.integers(1, 2),
    encoder=st.booleans(),
    recompute=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    flavour=st.sampled_from(flavours()),
    seed=seeds,
)
def test_it_equals_torch_operators(
    spec: MLPSpec, members: int, encoder: bool, recompute: bool, dtype: torch.dtype, flavour: str, seed: int
) -> None:
    graph = ComputationGraph.of(spec)
    inputs = random_inputs(seed, members, graph.weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binding, "_FLAVOUR", flavour)
        own = [tensor.to(dtype) for tensor in inputs]
        fast = compute(compiled_hypernetwork, graph, *own, encoder=encoder, recompute=recompute)
    slow = compute(torch_hypernetwork, graph, *inputs, encoder=encoder)
    for actual, expected in zip(fast, slow, strict=True):
        assert actual.dtype == dtype
        assert_close(actual.double(), expected, 1e4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_saturated_attention_and_channels_equal_torch_operators(spread: float) -> None:
    graph = ComputationGraph.of(WIDE)
    inputs = random_inputs(0, 2, graph.weights, spread)
    slow = compute(torch_hypernetwork, graph, *inputs)
    for actual, expected in zip(compute(compiled_hypernetwork, graph, *inputs), slow, strict=True):
        assert_close(actual, expected, 1e-9)


def same(tensor: Tensor) -> Tensor:
    return tensor


def cut_out_of_more(tensor: Tensor) -> Tensor:
    return torch.cat([tensor[:, :3], tensor, tensor[:, :2]], 1)[:, 3:-2]


def swap_axes_in_memory(tensor: Tensor) -> Tensor:
    return tensor.transpose(1, -1).contiguous().transpose(1, -1)


def repeat_one_member(tensor: Tensor) -> Tensor:
    return tensor[:1].expand(tensor.shape)


@pytest.mark.parametrize("layout", [cut_out_of_more, repeat_one_member])
@pytest.mark.parametrize("layout_of_draws", [same, cut_out_of_more, swap_axes_in_memory])
def test_any_layout_is_read(layout: Layout, layout_of_draws: Layout) -> None:
    graph = ComputationGraph.of(WIDE)
    hyperweights, draws = random_inputs(0, 2, graph.weights)
    inputs = graph, layout(hyperweights), layout_of_draws(draws)
    for actual, expected in zip(
        compute(compiled_hypernetwork, *inputs), compute(torch_hypernetwork, *inputs), strict=True
    ):
        assert_close(actual, expected, 1e-11)


def test_draws_of_another_precision_are_read() -> None:
    graph = ComputationGraph.of(WIDE)
    hyperweights, draws = random_inputs(0, 2, graph.weights)
    inputs = graph, hyperweights.float()
    mixed, plain = (compute(compiled_hypernetwork, *inputs, each)[0] for each in (draws, draws.float()))
    assert torch.equal(mixed, plain)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [True, False])
def test_the_gradient_is_that_of_finite_differences(encoder: bool) -> None:
    graph = ComputationGraph.of(MLPSpec((2, 2, 1), skips=((0, 2),)))
    hyperweights, draws = random_inputs(0, 1, graph.weights)
    encodings = positional_encodings(graph)

    def run(inputs: Tensor) -> tuple[Tensor, ...]:
        return compiled_hypernetwork(inputs, draws, encodings, graph, encoder, False)

    assert torch.autograd.gradcheck(run, hyperweights.requires_grad_(), fast_mode=True)


def test_second_derivatives_are_refused_rather_than_wrong() -> None:
    graph = ComputationGraph.of(MLPSpec((2, 3, 1)))
    hyperweights, draws = random_inputs(0, 1, graph.weights)
    inputs = hyperweights.requires_grad_(), draws, positional_encodings(graph), graph, True, False
    penalty = hyperweights.square().sum() + compiled_hypernetwork(*inputs)[0].sum()
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(penalty, hyperweights, create_graph=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("depth", range(HYPERDEPTH - 1))
def test_nan_spreads_as_with_torch_operators(dtype: torch.dtype, depth: int) -> None:
    graph = ComputationGraph.of(MLPSpec((3, 11, 2)))
    hyperweights, draws = (tensor.to(dtype) for tensor in random_inputs(0, 2, graph.weights))
    spoilt = hyperweights.clone()
    spoilt[1, hyperweight_count(graph.weights) - (HYPERDEPTH - depth) * LEARNED * graph.weights + 4] = math.nan
    fast, slow = (compute(way, graph, spoilt, draws) for way in (compiled_hypernetwork, torch_hypernetwork))
    for actual, expected in zip(fast[:3], slow[:3], strict=True):
        assert torch.equal(actual.isnan(), expected.isnan())
    assert fast[0].isnan().any()
    for actual, expected in zip(fast, compute(compiled_hypernetwork, graph, hyperweights, draws), strict=True):
        assert torch.equal(actual[0], expected[0]), "the other member sees nothing of it, nor do its gradients"


@given(spec=specs(4), encoder=st.booleans(), threads=st.integers(2, 5), seed=seeds)
def test_threads_change_nothing_but_the_rounding_of_gradients(
    spec: MLPSpec, encoder: bool, threads: int, seed: int
) -> None:
    graph = ComputationGraph.of(spec)
    inputs = graph, *random_inputs(seed, 2, graph.weights)
    alone = compute(compiled_hypernetwork, *inputs, encoder=encoder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binding, "PAIRS_PER_THREAD", 1)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        shared, again = (compute(compiled_hypernetwork, *inputs, encoder=encoder) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(shared, again, strict=True)), "the same threads, the same bits"
    assert all(torch.equal(*pair) for pair in zip(shared[:3], alone[:3], strict=True))
    for part, whole in zip(shared[3:], alone[3:], strict=True):
        assert_close(part, whole, 1e-12)


SERIAL = next(Path(binding.__file__).parent.glob("_blocks_serial*.so"), None)


@pytest.mark.skipif(SERIAL is None, reason="the hypernetwork was not compiled")
def test_the_library_without_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ComputationGraph.of(WIDE)
    inputs = graph, *random_inputs(0, 2, graph.weights)
    first = compute(compiled_hypernetwork, *inputs)
    monkeypatch.setattr(binding, "_library", ctypes.CDLL(str(SERIAL)))
    for part, whole in zip(compute(compiled_hypernetwork, *inputs), first, strict=True):
        assert torch.equal(part, whole)
