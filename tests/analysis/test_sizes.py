"""Networks of sizes that a generator was not trained for, under each normalisation of the target."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import normal, seeds

from hypergraph.analysis import sizes as module
from hypergraph.analysis.measure import TEST_INPUTS, Sample, generate
from hypergraph.analysis.sizes import NORMALISATIONS, SAMPLES, losses_at_size, unexplained
from hypergraph.errors import SpecError
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.closed_forms import double_sided
from hypergraph_l1norm.task import L1Norm, moments

TRAINED = MLPSpec((4, 10, 1), "relu")
LARGER = MLPSpec((9, 20, 1), "relu")
GENERATOR = Generator.initial([TRAINED], [stream(0, 3, "initial")])

Put = Callable[[MLPWeights], None]


@pytest.fixture
def generating(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Let every generator generate the network that this is called with."""

    def put(network: MLPWeights) -> None:
        sample = Sample(MLPWeights.stack([network]), torch.zeros(1))
        monkeypatch.setattr(module, "generate", lambda *_, **__: sample)

    return put


def losses(spec: MLPSpec, beta: float = 1e-3) -> dict[str, float]:
    return losses_at_size(GENERATOR, beta, L1Norm(), spec, TRAINED, seed=5, member=3)


def scaled_to(network: MLPWeights, trained: MLPSpec) -> MLPWeights:
    """A network of the norm, with another read-out: its target is normalised as at the size `trained`."""
    (own_mean, own_deviation), (mean, deviation) = moments(network.spec.sizes[0]), moments(trained.sizes[0])
    (first, second), (hidden, output) = network.weights, network.biases
    outputs = (own_mean + own_deviation * output - mean) / deviation
    return MLPWeights(network.spec, (first, second * own_deviation / deviation), (hidden, outputs))


def test_at_the_training_size_both_normalisations_are_one(generating: Put) -> None:
    generating(double_sided(TRAINED))
    found = losses(TRAINED)
    assert found["own"] == pytest.approx(found["training"], abs=1e-12)
    assert found["own"] < 1e-10
    generating(double_sided(TRAINED, gain=0.5).map(lambda tensor: tensor * 1.3))
    found = losses(TRAINED)
    assert found["own"] == pytest.approx(found["training"])
    assert found["own"] > 0.01


def test_each_normalisation_forgives_what_it_should(generating: Put) -> None:
    exact = double_sided(LARGER)
    generating(exact)
    found = losses(LARGER)
    assert found["own"] < 1e-10
    assert found["fitted"] < 1e-5
    assert found["training"] > 1
    generating(scaled_to(exact, TRAINED))
    found = losses(LARGER)
    assert found["training"] < 1e-10
    assert found["fitted"] < 1e-5
    assert found["own"] > 1
    mean, deviation = (moments(9)[0] - moments(4)[0]) / moments(9)[1], moments(4)[1] / moments(9)[1]
    # of targets t with mean 0 and variance 1, the mean of ((mean + t) / deviation - t)²
    assert found["own"] == pytest.approx((mean / deviation) ** 2 + (1 / deviation - 1) ** 2, rel=0.05)


@pytest.mark.parametrize("spec", [TRAINED, LARGER, MLPSpec((2, 3, 1))])
def test_losses_are_means_over_samples_of_the_decoder_alone(spec: MLPSpec) -> None:
    """Other ones than those by which a member is chosen; losses written out from raw norms."""
    inputs, _ = L1Norm().sample(spec, TEST_INPUTS, stream(5, "test"))
    norms = inputs.double().abs().sum(1)
    expected: dict[str, list[float]] = {name: [] for name in NORMALISATIONS}
    for n in range(SAMPLES):
        network = generate(GENERATOR, 1e-3, seed=6 + n, members=[3], spec=spec, encoder=False).networks[0]
        outputs = network(inputs).squeeze(1).double()
        for name, size in (("own", spec.sizes[0]), ("training", TRAINED.sizes[0])):
            mean, deviation = size * math.sqrt(2 / math.pi), math.sqrt(size * (1 - 2 / math.pi))
            expected[name].append(float((outputs - (norms - mean) / deviation).square().mean()))
        expected["fitted"].append(1 - float(torch.corrcoef(torch.stack([outputs, norms]))[0, 1]) ** 2)
    found = losses(spec)
    assert set(found) == set(NORMALISATIONS)
    for name, values in expected.items():
        assert len({*values}) == SAMPLES > 1
        assert found[name] == pytest.approx(sum(values) / SAMPLES, rel=1e-3), name


def test_a_size_at_which_the_task_cannot_be_computed_is_refused() -> None:
    with pytest.raises(SpecError, match="1 output"):
        losses(MLPSpec((4, 8, 2)))


@given(seed=seeds, scale=st.floats(1e-2, 1e2), shift=st.floats(-10, 10), sign=st.sampled_from([-1, 1]))
def test_an_affine_image_of_the_target_leaves_nothing_unexplained(
    seed: int, scale: float, shift: float, sign: int
) -> None:
    targets = normal(seed, 50, 2)
    assert unexplained(sign * scale * targets + shift, targets).abs() < 1e-9


@given(seed=seeds)
def test_independent_noise_explains_nothing(seed: int) -> None:
    noise, targets = normal(seed, 3, 10_000, 2), normal(seed + 1, 10_000, 2)
    assert unexplained(noise, targets).shape == (3,)
    assert unexplained(noise, targets).min() > 0.99
    assert float(unexplained(torch.full((10, 1), 0.1), normal(seed, 10, 1).float())) == pytest.approx(1)


@given(seed=seeds, weight=st.floats(-3, 3), batch=st.integers(3, 40), dtype=st.sampled_from([torch.float32, None]))
def test_what_is_unexplained_is_a_share(seed: int, weight: float, batch: int, dtype: torch.dtype | None) -> None:
    targets, noise = normal(seed, batch, 1).to(dtype or torch.float64), normal(seed + 1, 2, batch, 1)
    share = unexplained((weight * targets + noise).to(targets.dtype), targets)
    assert share.shape == (2,)
    assert -1e-5 <= share.min() <= share.max() <= 1 + 1e-5


def test_what_is_unexplained_is_the_mean_over_outputs() -> None:
    targets = normal(0, 200, 2)
    outputs = torch.stack([targets[:, 0], targets[:, 0] + normal(1, 200)], 1)
    each = [float(unexplained(outputs[:, [n]], targets[:, [n]])) for n in range(2)]
    assert each[0] == pytest.approx(0, abs=1e-9)
    assert each[1] > 0.9
    assert float(unexplained(outputs, targets)) == pytest.approx(sum(each) / 2)
