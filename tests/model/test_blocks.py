"""The blocks of a hyperlayer: NaN shows and does not spread, information has its price, attention is one function."""

from __future__ import annotations

import math
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
from hypergraph.model.hyperlayer import blocks
from hypergraph.spec import MLPSpec

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


def compute(preactivations: Tensor, draws: Tensor, graph: ComputationGraph) -> Computed:
    leaf = preactivations.detach().requires_grad_()
    computed, kl = blocks(leaf, draws, graph)
    activations, attention, latents, noise = computed.split((ACTIVATION, ATTENTION_OUT, LATENT, NOISE), 1)
    along = normal(0, *computed.shape).to(computed)
    grad_computed = torch.autograd.grad(computed, leaf, along, retain_graph=True)[0]
    grad_kl = torch.autograd.grad(kl, leaf, along[:, 0, 0])[0] if leaf.shape[2] == 2 else torch.zeros_like(leaf)
    grad_activations, grad_attention, grad_latents = grad_computed.split((ACTIVATION, ATTENTION_IN, 2 * LATENT), 1)
    return Computed(activations, attention, latents, noise, kl, grad_activations, grad_attention, grad_latents, grad_kl)


# NaN: it shows, and it does not spread further than the arithmetic carries it

WIDE = MLPSpec((3, 11, 2))


def spoil(row: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, ComputationGraph]:
    """Sound preactivations of two members, the same with one NaN in member 1, encoder, weight 4; draws."""
    graph = ComputationGraph.of(WIDE)
    sound = normal(3, 2, HYPERWIDTH_OUT, 2, graph.weights).to(dtype)
    spoilt = sound.clone()
    spoilt[1, row, 0, 4] = math.nan
    return sound, spoilt, random_draws(4, 2, graph.weights).to(dtype), graph


@both_precisions
@pytest.mark.parametrize("row", range(0, ATTENTION_IN, 5))
def test_nan_spreads_to_its_neuron_and_no_further(dtype: torch.dtype, row: int) -> None:
    _, spoilt, draws, graph = spoil(ACTIVATION + row, dtype)
    part, behind = row // 10, bool(row // 5 % 2)
    expected = torch.zeros(ATTENTION_OUT, graph.weights, dtype=torch.bool)
    for weight, ends in enumerate(touching(WIDE, 4, behind)):
        if part == 1:  # a query concerns itself alone
            ends = [weight == 4 and not behind, weight == 4 and behind]
        features = 1 if part == 2 else 5  # a value concerns its own hyperfeature
        for end, touches in enumerate(ends):
            expected[5 * end : 5 * end + features, weight] = touches
    attention = compute(spoilt, draws, graph).attention.isnan()
    assert torch.equal(attention[1, :, 0], expected)
    assert attention.sum() == expected.sum()


def touching(spec: MLPSpec, weight: int, behind: bool) -> list[list[bool]]:
    """For every weight: whether its front, and its back, is the neuron in front of (or behind) `weight`."""
    ends = [[(w.target_layer, w.j), (w.source_layer, w.i)] for w in list_weights(spec)]
    return [[neuron == ends[weight][behind] for neuron in own] for own in ends]


@both_precisions
@pytest.mark.parametrize("row", range(0, HYPERWIDTH_OUT, 2))
def test_nan_shows_and_other_members_see_nothing_of_it(dtype: torch.dtype, row: int) -> None:
    sound, spoilt, draws, graph = spoil(row, dtype)
    assert blocks(spoilt, draws, graph)[0].isnan().any()
    both = (compute(preactivations, draws, graph) for preactivations in (spoilt, sound))
    for actual, expected in zip(*both, strict=True):
        assert torch.equal(actual[0], expected[0]), "nor do its gradients"


# The channel


def channel(distributions: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Latents [member, LATENT, side, weight] and KL [member, weight] of means and raw scales, and of normal draws."""
    members, _, sides, weights = distributions.shape
    rest = torch.zeros(members, HYPERWIDTH_OUT - 2 * LATENT, sides, weights).to(distributions)
    noise = torch.zeros(members, 2 * NOISE, weights).to(epsilon)
    graph = ComputationGraph.of(MLPSpec((weights, 1)))
    result = blocks(torch.cat([rest, distributions], 1), torch.cat([noise, epsilon], 1), graph)
    return result[0][:, ACTIVATION + ATTENTION_OUT :][:, :LATENT], result[1]


@given(seed=seeds, spread=st.sampled_from([0.1, 1.0, 10.0]))
def test_kl_is_not_negative(seed: int, spread: float) -> None:
    _, kl = channel(normal(seed, 3, 2 * LATENT, 2, 7) * spread, normal(seed + 1, 3, LATENT, 7))
    assert kl.shape == (3, 7)
    assert kl.min() > 0


@given(seed=seeds)
def test_kl_of_a_distribution_to_itself_is_zero(seed: int) -> None:
    prior, epsilon = normal(seed, 3, 2 * LATENT, 1, 7) * 4, normal(seed + 1, 3, LATENT, 7)
    latents, kl = channel(prior.expand(-1, -1, 2, -1), epsilon)
    assert not kl.any()
    from_prior, nothing = channel(prior, epsilon)
    assert torch.equal(latents, from_prior.expand(latents.shape))
    assert not nothing.any()


def test_scale_is_bounded_so_that_nothing_overflows() -> None:
    distributions = torch.zeros(1, 2 * LATENT, 2, 1)
    distributions[:, LATENT:, 0], distributions[:, LATENT:, 1] = -1e30, 1e30
    latents, kl = channel(distributions, torch.ones(1, LATENT, 1))
    torch.testing.assert_close(latents, torch.full_like(latents, math.exp(-5)))
    torch.testing.assert_close(kl, torch.full_like(kl, LATENT * (10 + math.exp(-20) / 2 - 0.5)))


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
