"""The blocks of a hyperlayer: compiled ones do what torch operators do, NaN shows, information has its price."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from listing import list_weights
from strategies import normal, seeds, specs
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model import attention
from hypergraph.model.dimensions import ACTIVATION, ATTENTION_IN, ATTENTION_OUT, DRAWS, HYPERWIDTH_OUT, LATENT, NOISE
from hypergraph.model.hyperlayer import torch_blocks
from hypergraph.model.kernel import available, binding, compiled_blocks
from hypergraph.spec import MLPSpec

Blocks = Callable[[Tensor, Tensor, ComputationGraph], tuple[Tensor, Tensor]]

needs_compiler = pytest.mark.skipif(not available(torch.zeros(1)), reason="the blocks were not compiled")
both_blocks = pytest.mark.parametrize("blocks", [torch_blocks, pytest.param(compiled_blocks, marks=needs_compiler)])
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def assert_close(actual: Tensor, expected: Tensor, error: float) -> None:
    """Equal to `error`, relative to the largest number of the tensor."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=error * expected.detach().abs().max().item())


def random_draws(seed: int, members: int, weights: int) -> Tensor:
    return normal(seed, members, DRAWS, weights)


class Computed(NamedTuple):
    """What a hyperlayer's blocks put out, and gradients by what goes in: of a random sum of that, and of the KL."""

    activations: Tensor
    attention: Tensor
    latents: Tensor
    noise: Tensor
    kl: Tensor
    grad_activations: Tensor
    grad_attention: Tensor
    grad_latents: Tensor
    grad_kl: Tensor


def compute(blocks: Blocks, preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> Computed:
    leaf = preactivations.detach().requires_grad_()
    computed, kl = blocks(leaf, draws, graph)
    activations, attention, latents, noise = computed.split((ACTIVATION, ATTENTION_OUT, LATENT, NOISE), 1)
    along = normal(0, *computed.shape).to(computed)
    grad_computed = torch.autograd.grad(computed, leaf, along, retain_graph=True)[0]
    grad_kl = torch.autograd.grad(kl, leaf, along[:, 0, 0])[0] if leaf.shape[2] == 2 else torch.zeros_like(leaf)
    grad_activations, grad_attention, grad_latents = grad_computed.split((ACTIVATION, ATTENTION_IN, 2 * LATENT), 1)
    return Computed(activations, attention, latents, noise, kl, grad_activations, grad_attention, grad_latents, grad_kl)


@needs_compiler
@given(
    spec=specs(4),
    members=st.integers(1, 2),
    sides=st.integers(1, 2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    spread=st.sampled_from([0.3, 3.0, 30.0]),
    seed=seeds,
)
def test_compiled_blocks_equal_torch_operators(
    spec: MLPSpec, members: int, sides: int, dtype: torch.dtype, spread: float, seed: int
) -> None:
    graph = ComputationGraph.of(spec)
    preactivations = normal(seed, members, HYPERWIDTH_OUT, sides, graph.weights).to(dtype) * spread
    draws = random_draws(seed + 1, members, graph.weights).to(dtype)
    fast = compute(compiled_blocks, preactivations, draws, graph)
    slow = compute(torch_blocks, preactivations.double(), draws.double(), graph)
    error = 20 * torch.finfo(dtype).eps * max(1, spread**2)  # scores and distances grow with the square
    for actual, expected in zip(fast, slow, strict=True):
        assert actual.dtype == dtype
        assert_close(actual.double(), expected, error)


def same(tensor: Tensor) -> Tensor:
    return tensor


def cut_out_of_more(tensor: Tensor) -> Tensor:
    return torch.cat([tensor[:, :3], tensor, tensor[:, :2]], 1)[:, 3:-2]


def swap_axes_in_memory(tensor: Tensor) -> Tensor:
    return tensor.transpose(1, -1).contiguous().transpose(1, -1)


def repeat_one_weight(tensor: Tensor) -> Tensor:
    return tensor[..., :1].expand(tensor.shape)


@needs_compiler
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(
    ("layout", "layout_of_draws"),
    [
        (cut_out_of_more, same),
        (swap_axes_in_memory, same),
        (repeat_one_weight, same),
        (same, cut_out_of_more),
        (same, swap_axes_in_memory),
    ],
)
def test_compiled_blocks_read_any_layout(
    layout: Callable[[Tensor], Tensor], layout_of_draws: Callable[[Tensor], Tensor], sides: int
) -> None:
    graph = ComputationGraph.of(MLPSpec((3, 5, 2)))
    preactivations = layout(normal(0, 2, HYPERWIDTH_OUT, sides, graph.weights))
    draws = layout_of_draws(random_draws(1, 2, graph.weights))
    fast = compute(compiled_blocks, preactivations, draws, graph)
    for actual, expected in zip(fast, compute(torch_blocks, preactivations, draws, graph), strict=True):
        assert_close(actual, expected, 1e-13)


@needs_compiler
def test_compiled_blocks_read_draws_of_another_precision() -> None:
    graph = ComputationGraph.of(MLPSpec((3, 5, 2)))
    preactivations, draws = normal(0, 2, HYPERWIDTH_OUT, 2, graph.weights).float(), random_draws(1, 2, graph.weights)
    computed, _ = compiled_blocks(preactivations, draws, graph)
    torch.testing.assert_close(computed, torch_blocks(preactivations, draws.float(), graph)[0])


@needs_compiler
@pytest.mark.parametrize("sides", [1, 2])
def test_compiled_gradient_is_that_of_finite_differences(sides: int) -> None:
    graph = ComputationGraph.of(MLPSpec((2, 2, 1), skips=((0, 2),)))
    preactivations = (normal(1, 1, HYPERWIDTH_OUT, sides, graph.weights) / 2).requires_grad_()
    draws = random_draws(2, 1, graph.weights)
    assert torch.autograd.gradcheck(lambda inputs: compiled_blocks(inputs, draws, graph), preactivations)


@needs_compiler
def test_second_derivatives_are_refused_rather_than_wrong() -> None:
    graph = ComputationGraph.of(MLPSpec((2, 3, 1)))
    preactivations = normal(2, 1, HYPERWIDTH_OUT, 2, graph.weights).requires_grad_()
    computed, _ = compiled_blocks(preactivations, random_draws(3, 1, graph.weights), graph)
    penalty = preactivations.square().sum() + computed.sum()
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(penalty, preactivations, create_graph=True)


# NaN: it shows, and it does not spread further than the arithmetic carries it

WIDE = MLPSpec((3, 11, 2))


def spoil(row: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, ComputationGraph]:
    """Sound preactivations of two members, the same with one NaN in member 1, encoder, weight 4; draws."""
    graph = ComputationGraph.of(WIDE)
    sound = normal(3, 2, HYPERWIDTH_OUT, 2, graph.weights).to(dtype)
    spoilt = sound.clone()
    spoilt[1, row, 0, 4] = math.nan
    return sound, spoilt, random_draws(4, 2, graph.weights).to(dtype), graph


@both_blocks
@both_precisions
@pytest.mark.parametrize("row", range(0, ATTENTION_IN, 5))
def test_nan_spreads_to_its_neuron_and_no_further(blocks: Blocks, dtype: torch.dtype, row: int) -> None:
    _, spoilt, draws, graph = spoil(ACTIVATION + row, dtype)
    part, behind = row // 10, bool(row // 5 % 2)
    expected = torch.zeros(ATTENTION_OUT, graph.weights, dtype=torch.bool)
    for weight, ends in enumerate(touching(WIDE, 4, behind)):
        if part == 1:  # a query concerns itself alone
            ends = [weight == 4 and not behind, weight == 4 and behind]
        features = 1 if part == 2 else 5  # a value concerns its own hyperfeature
        for end, touches in enumerate(ends):
            expected[5 * end : 5 * end + features, weight] = touches
    attention = compute(blocks, spoilt, draws, graph).attention.isnan()
    assert torch.equal(attention[1, :, 0], expected)
    assert attention.sum() == expected.sum()


def touching(spec: MLPSpec, weight: int, behind: bool) -> list[list[bool]]:
    """For every weight: whether its front, and its back, is the neuron in front of (or behind) `weight`."""
    ends = [[(w.target_layer, w.j), (w.source_layer, w.i)] for w in list_weights(spec)]
    return [[neuron == ends[weight][behind] for neuron in own] for own in ends]


@needs_compiler
@both_precisions
@pytest.mark.parametrize("row", range(0, HYPERWIDTH_OUT, 2))
def test_nan_spreads_as_with_torch_operators(dtype: torch.dtype, row: int) -> None:
    sound, spoilt, draws, graph = spoil(row, dtype)
    fast, slow = (blocks(spoilt, draws, graph) for blocks in (compiled_blocks, torch_blocks))
    for actual, expected in zip(fast, slow, strict=True):
        assert torch.equal(actual.isnan(), expected.isnan())
    assert fast[0].isnan().any()
    both = (compute(compiled_blocks, preactivations, draws, graph) for preactivations in (spoilt, sound))
    for actual, expected in zip(*both, strict=True):
        assert torch.equal(actual[0], expected[0]), "the other member sees nothing of it, nor do its gradients"


# The channel


def channel(blocks: Blocks, distributions: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Latents [member, LATENT, side, weight] and KL [member, weight] of means and raw scales, and of normal draws."""
    members, _, sides, weights = distributions.shape
    rest = torch.zeros(members, HYPERWIDTH_OUT - 2 * LATENT, sides, weights).to(distributions)
    noise = torch.zeros(members, 2 * NOISE, weights).to(epsilon)
    graph = ComputationGraph.of(MLPSpec((weights, 1)))
    result = blocks(torch.cat([rest, distributions], 1), torch.cat([noise, epsilon], 1), graph)
    return result[0][:, ACTIVATION + ATTENTION_OUT :][:, :LATENT], result[1]


@both_blocks
@given(seed=seeds, spread=st.sampled_from([0.1, 1.0, 10.0]))
def test_kl_is_not_negative(blocks: Blocks, seed: int, spread: float) -> None:
    _, kl = channel(blocks, normal(seed, 3, 2 * LATENT, 2, 7) * spread, normal(seed + 1, 3, LATENT, 7))
    assert kl.shape == (3, 7)
    assert kl.min() > 0


@both_blocks
@given(seed=seeds)
def test_kl_of_a_distribution_to_itself_is_zero(blocks: Blocks, seed: int) -> None:
    prior, epsilon = normal(seed, 3, 2 * LATENT, 1, 7) * 4, normal(seed + 1, 3, LATENT, 7)
    latents, kl = channel(blocks, prior.expand(-1, -1, 2, -1), epsilon)
    assert not kl.any()
    from_prior, nothing = channel(blocks, prior, epsilon)
    assert torch.equal(latents, from_prior.expand(latents.shape))
    assert not nothing.any()


@both_blocks
def test_scale_is_bounded_so_that_nothing_overflows(blocks: Blocks) -> None:
    distributions = torch.zeros(1, 2 * LATENT, 2, 1)
    distributions[:, LATENT:, 0], distributions[:, LATENT:, 1] = -1e30, 1e30
    latents, kl = channel(blocks, distributions, torch.ones(1, LATENT, 1))
    torch.testing.assert_close(latents, torch.full_like(latents, math.exp(-5)))
    torch.testing.assert_close(kl, torch.full_like(kl, LATENT * (10 + math.exp(-20) / 2 - 0.5)))


@needs_compiler
@given(spec=specs(4), members=st.integers(1, 2), sides=st.integers(1, 2), threads=st.integers(2, 5), seed=seeds)
def test_threads_do_not_change_a_bit(spec: MLPSpec, members: int, sides: int, threads: int, seed: int) -> None:
    graph = ComputationGraph.of(spec)
    preactivations = normal(seed, members, HYPERWIDTH_OUT, sides, graph.weights)
    draws = random_draws(seed + 1, members, graph.weights)
    alone = compute(compiled_blocks, preactivations, draws, graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binding, "PAIRS_PER_THREAD", 1)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        for part, whole in zip(compute(compiled_blocks, preactivations, draws, graph), alone, strict=True):
            assert torch.equal(part, whole)


SERIAL = next(Path(binding.__file__).parent.glob("_blocks_serial*.so"), None)


@pytest.mark.skipif(SERIAL is None, reason="the blocks were not compiled")
def test_the_library_without_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ComputationGraph.of(MLPSpec((7, 9, 5)))
    inputs = normal(0, 2, HYPERWIDTH_OUT, 2, graph.weights), random_draws(1, 2, graph.weights), graph
    first = compute(compiled_blocks, *inputs)
    monkeypatch.setattr(binding, "_library", ctypes.CDLL(str(SERIAL)))
    for part, whole in zip(compute(compiled_blocks, *inputs), first, strict=True):
        assert torch.equal(part, whole)


@given(spec=specs(4), members=st.integers(1, 2), sides=st.integers(1, 2), scores=st.integers(1, 200), seed=seeds)
def test_attention_in_chunks_is_attention(spec: MLPSpec, members: int, sides: int, scores: int, seed: int) -> None:
    graph = ComputationGraph.of(spec)
    projections = normal(seed, members, ATTENTION_IN, sides, graph.weights).requires_grad_()
    whole = attention.attention(projections, graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "MAX_SCORES", scores)
        chunked = attention.attention(projections, graph)
    assert_close(chunked, whole, 1e-14)
    along = normal(seed + 1, *whole.shape)
    by_chunks, by_whole = (torch.autograd.grad(each, projections, along)[0] for each in (chunked, whole))
    assert_close(by_chunks, by_whole, 1e-13)


def test_chunks_hold_few_scores_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ComputationGraph.of(MLPSpec((20, 30, 1)))
    monkeypatch.setattr(attention, "MAX_SCORES", 3 * 30**2)
    attend, held = attention._attend, []

    def watch(chunk: Tensor) -> Tensor:
        members, _, sides, neurons, degree, _ = chunk.shape
        held.append(members * sides * neurons * degree**2)
        return attend(chunk)

    monkeypatch.setattr(attention, "_attend", watch)
    monkeypatch.setattr(attention, "_attend_recomputed", watch)
    attention.attention(normal(0, 1, ATTENTION_IN, 2, graph.weights), graph)
    assert max(held) <= 3 * 30**2
    assert sum(held) == 2 * graph.pairs


@given(spec=specs(), members=st.integers(1, 2), seed=seeds)
def test_uniform_attention_is_attention(spec: MLPSpec, members: int, seed: int) -> None:
    graph = ComputationGraph.of(spec)
    projections = normal(seed, members, ATTENTION_IN, 1)
    among_all = attention.attention(projections.unsqueeze(3).expand(-1, -1, -1, graph.weights), graph)
    assert_close(attention.uniform_attention(projections, graph), among_all.squeeze(2), 1e-14)
