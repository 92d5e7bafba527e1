"""The L1 norm task: its target, its stream, its loss."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph_l1norm.task import L1Norm, normalised_norm

TASK = L1Norm()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_default_network_is_the_papers() -> None:
    assert TASK.default_spec == MLPSpec((16, 48, 1), activation="silu")
    TASK.check_spec(TASK.default_spec)


@settings(max_examples=20, deadline=None)
@given(inputs=st.integers(1, 70), batch=st.integers(1, 50), seed=st.integers(0, 2**32))
def test_target_is_the_formula(inputs: int, batch: int, seed: int) -> None:
    x, y = TASK.sample(MLPSpec((inputs, 5, 1)), batch, rng(seed))
    assert x.shape == (batch, inputs)
    assert y.shape == (batch, 1)
    assert x.dtype == y.dtype == torch.float32
    for row, target in zip(x.tolist(), y.flatten().tolist(), strict=True):
        norm = sum(abs(value) for value in row)
        expected = (norm - inputs * math.sqrt(2 / math.pi)) / math.sqrt(inputs * (1 - 2 / math.pi))
        assert target == pytest.approx(expected, abs=1e-4)


def test_early_inputs_have_heavier_tails_and_the_same_target() -> None:
    x, y = TASK.sample_early(MLPSpec((64, 5, 1)), 2_000, rng())
    assert torch.equal(y, normalised_norm(x))
    assert x.mean().item() == pytest.approx(0, abs=0.03)
    assert (x**4).mean() / (x**2).mean() ** 2 > 6  # 3 of a normal distribution


@pytest.mark.parametrize("inputs", [1, 4, 16, 64])
def test_target_has_mean_zero_and_variance_one(inputs: int) -> None:
    x, y = TASK.sample(MLPSpec((inputs, 3, 1)), 40_000, rng())
    assert x.mean().item() == pytest.approx(0, abs=0.02)
    assert x.std().item() == pytest.approx(1, abs=0.02)
    assert y.mean().item() == pytest.approx(0, abs=0.02)
    assert y.std().item() == pytest.approx(1, abs=0.02)


def test_sampler_draws_from_the_given_stream_alone() -> None:
    spec, stream = TASK.default_spec, rng(3)
    before = torch.get_rng_state()
    first, _ = TASK.sample(spec, 7, stream)
    torch.randn(11)
    second, _ = TASK.sample(spec, 7, stream)
    torch.set_rng_state(before)
    again = rng(3)
    assert torch.equal(TASK.sample(spec, 7, again)[0], first)
    assert torch.equal(TASK.sample(spec, 7, again)[0], second)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)


def test_loss_is_one_mean_square_per_network() -> None:
    outputs, targets = torch.randn(3, 2, 10, 1, generator=rng()), torch.randn(2, 10, 1, generator=rng(1))
    loss = TASK.loss(outputs, targets)
    assert loss.shape == (3, 2)
    torch.testing.assert_close(loss[2, 1], (outputs[2, 1] - targets[1]).square().sum() / 10)


def test_loss_of_one_network_has_no_axes() -> None:
    assert TASK.loss(torch.ones(4, 1), torch.zeros(4, 1)).shape == ()


def test_members_do_not_influence_each_others_gradient() -> None:
    outputs, targets = torch.randn(2, 5, 1, generator=rng(), requires_grad=True), torch.zeros(5, 1)
    TASK.loss(outputs, targets)[0].backward()
    assert outputs.grad is not None
    assert torch.equal(outputs.grad[1], torch.zeros(5, 1))


@pytest.mark.parametrize(("sizes", "right"), [((16, 48, 2), "16,48,1"), ((16, 3), "16,1"), ((4, 5, 6, 7), "4,5,6,1")])
def test_other_outputs_are_refused_with_what_would_be_right(sizes: tuple[int, ...], right: str) -> None:
    with pytest.raises(SpecError, match=rf"1 output, not {sizes[-1]}; try {right}$"):
        TASK.check_spec(MLPSpec(sizes))


def test_any_depth_and_skips_are_accepted() -> None:
    TASK.check_spec(MLPSpec((4, 5, 6, 1), skips=((0, 3),)))
    TASK.check_spec(MLPSpec((4, 1)))
