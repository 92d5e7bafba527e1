"""The sweep over the price of information."""

import torch

from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.analysis.sweep import BETA_GRID, Row, sweep
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 8, 1))
GENERATOR = Generator.initial([SPEC], [stream(0, member, "initial") for member in range(3)])


def swept() -> list[Row]:
    steps = sweep(GENERATOR, L1Norm(), L1NormClassifier(), seed=0, betas=(1e-9, 1e-2))
    return [row for step in steps for row in step]


def test_betas_are_thirty_increments_from_almost_free_to_one() -> None:
    assert len(BETA_GRID) == 31
    torch.testing.assert_close(torch.tensor([BETA_GRID[0], BETA_GRID[-1]]), torch.tensor([1e-12, 1.0]))


def test_every_member_is_measured_at_every_beta() -> None:
    rows = swept()
    assert [(row.member, row.beta) for row in rows] == [(m, beta) for beta in (1e-9, 1e-2) for m in range(3)]
    for row in rows:
        assert row.kl >= 0
        assert abs(float(measure_loss(L1Norm(), row.network, seed=0)) - row.loss) <= 1e-4 * row.loss
        assert {"double_sidedness", "strongest_connection", "seed_dependence"} <= set(row.order_parameters)
        assert row.algorithm in L1NormClassifier().colours


def test_a_member_alone_generates_what_it_generates_among_others() -> None:
    among = generate(GENERATOR, 1e-6, seed=4, members=range(3)).networks
    alone = generate(GENERATOR.member(1), 1e-6, seed=4, members=[1]).networks
    torch.testing.assert_close(among.weights[0][1], alone.weights[0][0])


def test_siblings_and_the_decoder_alone_differ_from_the_sample() -> None:
    options = ({}, {"sibling": True}, {"encoder": False})
    samples = [generate(GENERATOR, 1e-6, seed=4, members=range(3), **option) for option in options]  # type: ignore[arg-type]
    for other in samples[1:]:
        assert not torch.equal(samples[0].networks.weights[0], other.networks.weights[0])
    assert samples[0].kl.min() > 0
    assert samples[2].kl.abs().max() == 0
