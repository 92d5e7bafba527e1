"""The phases of a training: each checkpoint swept over the price of information."""

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hypergraph.analysis import phases as module
from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.analysis.phases import PHASE_INPUTS, PhaseRecord, outcomes, phases_at
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.interfaces import UNKNOWN
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

MEMBERS = (4, 1, 9)
"""Numbers in the run, which need not count from 0."""
GENERATOR = Generator.initial([MLPSpec((4, 8, 1))], [stream(0, member, "initial") for member in MEMBERS])


@cache
def swept() -> list[PhaseRecord]:
    return list(phases_at(GENERATOR, 7, L1Norm(), L1NormClassifier(), seed=0, members=MEMBERS))


def test_there_is_one_phase_per_member_and_price() -> None:
    assert [(p.step, p.beta, p.member) for p in swept()] == [
        (7, beta, member) for beta in BETA_GRID for member in MEMBERS
    ]


def test_a_phase_is_the_label_the_loss_and_the_kl_of_a_generated_network() -> None:
    for beta in BETA_GRID[::10]:
        sample = generate(GENERATOR, beta, seed=0, members=MEMBERS)
        found = [phase for phase in swept() if phase.beta == beta]
        verdicts = classify(L1NormClassifier(), sample.networks)
        assert [phase.algorithm for phase in found] == [verdict.algorithm for verdict in verdicts]
        losses = measure_loss(L1Norm(), sample.networks, seed=0, inputs=PHASE_INPUTS)
        torch.testing.assert_close(torch.tensor([phase.loss for phase in found]), losses)
        torch.testing.assert_close(torch.tensor([phase.kl for phase in found]), sample.kl)
    assert len({phase.algorithm for phase in swept()}) > 1


def test_a_member_alone_has_the_phases_that_it_has_among_others() -> None:
    among = [phase for phase in swept() if phase.member == MEMBERS[1]]
    member = GENERATOR.member(1)
    alone = list(phases_at(member, 7, L1Norm(), L1NormClassifier(), seed=0, members=MEMBERS[1:2]))
    assert [phase.algorithm for phase in alone] == [phase.algorithm for phase in among]
    assert [phase.loss for phase in alone] == pytest.approx([phase.loss for phase in among], rel=1e-3)
    assert [phase.kl for phase in alone] == pytest.approx([phase.kl for phase in among], rel=1e-3)


def test_any_network_can_be_followed_where_there_is_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BETA_GRID", BETA_GRID[:1])
    other = MLPSpec((5, 7, 1))
    decoder = Generator.initial([MLPSpec((4, 8, 1)), other], [stream(0)], encoder=False)
    (found,) = phases_at(decoder, 1, L1Norm(), L1NormClassifier(), seed=0, members=[3], spec=other)
    network = generate(decoder, BETA_GRID[0], seed=0, members=[3], spec=other).networks
    loss = measure_loss(L1Norm(), network, seed=0, inputs=PHASE_INPUTS)
    assert found.loss == pytest.approx(float(loss))
    assert found.kl == 0


def test_networks_that_no_classifier_knows_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BETA_GRID", BETA_GRID[:2])
    deep = Generator.initial([MLPSpec((3, 2, 2, 1))], [stream(0)])
    found = list(phases_at(deep, 1, L1Norm(), L1NormClassifier(), seed=0, members=[0]))
    assert [phase.algorithm for phase in found] == [UNKNOWN, UNKNOWN]


class Telling(L1NormClassifier):
    """Its name for an outcome is what it was told."""

    def outcome(self, phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
        return repr((phases, kl))


KL: Mapping[int, tuple[float, ...]] = {2: (9.0, 5.0, 1.0), 7: (8.0, 4.0, 0.0)}


@given(seed=st.integers(0, 1000))
def test_the_classifier_is_told_labels_by_step_and_beta_and_the_last_kl(seed: int) -> None:
    """In whatever order the phases come, and whichever members are told of beside."""
    found = [
        PhaseRecord(
            member, step, beta, f"{member} at {step} for {beta}", 1.0, KL[member][place] if step == 300 else 77.0
        )
        for member in KL
        for step in (5, 20, 300)
        for place, beta in enumerate((1e-12, 1e-3, 1.0))
    ]
    Random(seed).shuffle(found)
    told = {
        member: ([[f"{member} at {step} for {beta}" for beta in (1e-12, 1e-3, 1.0)] for step in (5, 20, 300)], [*kl])
        for member, kl in KL.items()
    }
    assert outcomes(Telling(), found) == {member: repr(each) for member, each in told.items()}
    assert list(outcomes(Telling(), found)) == sorted(KL)
