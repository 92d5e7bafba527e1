"""The closed forms compute the norm, at any size, and have the shape that the paper gives them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypergraph.errors import SpecError
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.closed_forms import GAIN, SPREAD, convexity, double_sided, pudding
from hypergraph_l1norm.task import L1Norm, normalised_norm

torch.set_num_threads(1)  # many small tensors: threads would wait for each other longer than they work

TASK = L1Norm()
SIZES = [(4, 8), (4, 16), (16, 48), (64, 128)]


def spec_of(inputs: int, hidden: int, activation: Any = "relu") -> MLPSpec:
    return MLPSpec((inputs, hidden, 1), activation=activation)


def loss_of(network: MLPWeights, samples: int = 2000, seed: int = 9) -> float:
    rng = torch.Generator().manual_seed(seed)
    inputs, targets = TASK.sample(network.spec, samples, rng)
    dtype = network.weights[0].dtype
    return TASK.loss(network(inputs.to(dtype)), targets.to(dtype)).item()


def worst_error(network: MLPWeights, samples: int = 500) -> float:
    rng = torch.Generator().manual_seed(5)
    inputs = torch.randn(samples, network.spec.sizes[0], generator=rng, dtype=torch.float64)
    return (network(inputs) - normalised_norm(inputs)).abs().max().item()


@settings(max_examples=15, deadline=None)
@given(inputs=st.integers(1, 24), spare=st.integers(0, 20), gain=st.sampled_from([0.5, 1.0, 3.0]))
def test_double_sided_relu_is_the_norm_to_float_precision(inputs: int, spare: int, gain: float) -> None:
    network = double_sided(spec_of(inputs, 2 * inputs + spare), gain=gain, dtype=torch.float64)
    assert worst_error(network) < 1e-9


@settings(max_examples=15, deadline=None)
@given(inputs=st.integers(1, 24), spare=st.integers(1, 40), sign=st.sampled_from([1, -1]))
def test_pudding_relu_is_the_norm(inputs: int, spare: int, sign: Literal[1, -1]) -> None:
    network = pudding(spec_of(inputs, inputs + spare), sign, dtype=torch.float64)
    assert worst_error(network) < 1e-9


@pytest.mark.parametrize("sign", [1, -1])
def test_pudding_is_as_good_as_its_offset_is_large(sign: Literal[1, -1]) -> None:
    losses = [loss_of(pudding(spec_of(16, 17), sign, offset=c, gain=2.0)) for c in (0, 2, 4, 16)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0.1
    assert losses[-1] < 1e-4


@pytest.mark.parametrize(("inputs", "hidden"), SIZES)
def test_exact_algorithms_stay_below_one_percent_with_swish(inputs: int, hidden: int) -> None:
    spec = spec_of(inputs, hidden, "silu")
    assert max(loss_of(double_sided(spec)), loss_of(pudding(spec, 1)), loss_of(pudding(spec, -1))) < 0.01


def test_swish_tends_to_relu_as_the_gain_grows() -> None:
    spec = spec_of(16, 48, "silu")
    for form in (double_sided, pudding):
        losses = [loss_of(form(spec, gain=gain)) for gain in (1, 3, 10, 100)]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < 1e-5


@pytest.mark.parametrize("bimodal", [False, True])
def test_convexity_gets_a_good_part_of_the_norm_and_more_with_more_neurons(bimodal: bool) -> None:
    losses = []
    for hidden in (16, 48, 400):
        rng = torch.Generator().manual_seed(1)
        losses.append(loss_of(convexity(spec_of(16, hidden, "silu"), rng, bimodal=bimodal)))
    assert losses == sorted(losses, reverse=True)
    assert losses[1] < 0.75
    assert losses[2] < 0.3


def test_the_default_spread_is_wide_enough() -> None:
    def loss(spread: float) -> float:
        return loss_of(convexity(spec_of(16, 64, "silu"), torch.Generator().manual_seed(1), spread=spread))

    assert loss(0.5) > loss(SPREAD) + 0.1
    assert loss(8) > loss(SPREAD) - 0.05


def test_convexity_is_its_streams_and_symmetric() -> None:
    spec = spec_of(32, 64, "silu")
    first, same, other = (convexity(spec, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert torch.equal(first.weights[0], same.weights[0])
    assert not torch.equal(first.weights[0], other.weights[0])
    assert abs(first.weights[0].mean().item()) < 0.1 * first.weights[0].std().item()
    values = convexity(spec, torch.Generator().manual_seed(4), bimodal=True).weights[0].unique()
    torch.testing.assert_close(values[0], -values[1])
    assert len(values) == 2


def test_the_global_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    convexity(spec_of(4, 8), torch.Generator().manual_seed(0))
    double_sided(spec_of(4, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_first_layers_are_laid_out_as_in_the_paper() -> None:
    inputs, hidden = 4, 11
    twice = double_sided(spec_of(inputs, hidden)).weights[0]
    assert ((twice != 0).sum(1) == torch.tensor([1] * 8 + [0] * 3)).all()
    assert torch.equal(twice.sum(0), torch.zeros(inputs))
    for sign in (1, -1):
        first = pudding(spec_of(inputs, hidden), sign).weights[0]
        assert torch.equal(first[:inputs], -sign * GAIN * torch.eye(inputs))
        torch.testing.assert_close(first[inputs:], torch.full((7, inputs), sign * GAIN / 14))


def test_every_hidden_neuron_is_summed_alike() -> None:
    for network in (double_sided(spec_of(4, 9)), pudding(spec_of(4, 9))):
        assert len(network.weights[1].unique()) == 1
        assert network.weights[0].dtype == torch.float32
        assert network.weights[0].is_contiguous()
        assert network.weights[1].is_contiguous()


def test_closed_forms_survive_a_file(tmp_path: Path) -> None:
    network = pudding(spec_of(4, 9, "silu"))
    network.save(tmp_path / "network.safetensors")
    loaded, _ = type(network).load(tmp_path / "network.safetensors")
    assert loss_of(loaded) == loss_of(network)


@pytest.mark.parametrize(
    ("form", "hidden", "fewest"), [(double_sided, 31, 32), (pudding, 16, 17)], ids=["double-sided", "pudding"]
)
def test_too_few_hidden_neurons_are_refused(form: Callable[[MLPSpec], MLPWeights], hidden: int, fewest: int) -> None:
    with pytest.raises(SpecError, match=rf"^this algorithm needs at least {fewest} hidden neurons for 16 inputs"):
        form(spec_of(16, hidden))
    form(spec_of(16, fewest))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (MLPSpec((4, 8, 2)), "1 output"),
        (MLPSpec((4, 1)), "one hidden layer"),
        (MLPSpec((4, 8, 8, 1)), "one hidden layer"),
        (MLPSpec((4, 8, 1), bias=False), "biases"),
        (MLPSpec((4, 8, 1), skips=((0, 2),)), "no skips"),
        (MLPSpec((4, 8, 1), masks=(Connection(1, 2, ("1" * 8,)),)), "no masks"),
        (MLPSpec((4, 8, 1), activation="tanh"), "'tanh' does not look like a ReLU"),
    ],
)
def test_specs_without_room_are_refused_in_one_line(spec: MLPSpec, message: str) -> None:
    for form in (double_sided, pudding, lambda s: convexity(s, torch.Generator())):
        with pytest.raises(SpecError, match=message) as caught:
            form(spec)
        assert "\n" not in str(caught.value)
