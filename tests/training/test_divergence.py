"""A member that diverges is taken back, told of, and retired in the end; the others do not notice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hypergraph.errors import HypergraphError
from hypergraph.spec import MLPSpec
from hypergraph.training import objective
from hypergraph.training.failures import MAX_FAILURES, Failure
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 6, 1))
STEPS = 30


class Failing(L1Norm):
    """Spoils the loss of the second of three members at some steps."""

    def __init__(self, steps: set[int], value: float = math.nan) -> None:
        super().__init__()
        self.steps, self.value, self.asked = steps, value, 0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.asked += 1
        factor = torch.ones(len(outputs))
        factor[1] = self.value if self.asked in self.steps else 1.0
        return super().loss(outputs, targets) * factor


def trainer(steps: set[int], value: float = math.nan) -> Trainer:
    task = Failing(steps, value)
    return Trainer(task, [SPEC], Recipe(steps=STEPS, batch=16, beta_warmup_steps=10), 0, [0, 4, 7], torch.device("cpu"))


def train(one: Trainer, path: Path, until: int = STEPS) -> Trainer:
    """Train, and keep every fifth state."""
    if not one.steps_done:
        one.keep(path)
    while one.steps_done < until:
        one.step()
        if one.steps_done % 5 == 0:
            one.keep(path)
    return one


def state(one: Trainer, place: int) -> list[Tensor]:
    """Parameters and moments of a member."""
    return [tensor[place].clone() for tensor in one.state.values()]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(map(torch.equal, first, second))


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_the_others_keep_their_bits(value: float, tmp_path: Path) -> None:
    """A negative loss has no logarithm."""
    spoilt = train(trainer({3, 12, 13, 22}, value), tmp_path / "spoilt")
    sound = train(trainer(set()), tmp_path / "sound")
    assert same(state(spoilt, 0), state(sound, 0))
    assert same(state(spoilt, 2), state(sound, 2))
    assert not same(state(spoilt, 1), state(sound, 1))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state(spoilt, 1))


def test_a_member_goes_back_to_the_good_state_and_on_from_there(tmp_path: Path) -> None:
    one = train(trainer({8}), tmp_path / "good", 5)
    good = state(one, 1)
    one.step()
    one.step()
    assert not same(state(one, 1), good)
    one.step()
    assert same(state(one, 1), good)
    (failure,) = one.failures
    assert failure == Failure(4, step=8, back_to=5, loss=None, kl=failure.kl, retired=False)
    assert str(failure).startswith("member 4 diverged in step 8 (loss not finite, KL ")
    assert str(failure).endswith("taken back to step 5")
    one.step()
    assert not same(state(one, 1), good)


def test_a_member_that_fails_again_and_again_is_retired(tmp_path: Path) -> None:
    one = train(trainer({3, 12, 13, 14, 22}), tmp_path / "good", 10)
    good = state(one, 1)
    train(one, tmp_path / "good")
    assert [(failure.step, failure.retired) for failure in one.failures] == [(3, False), (12, False), (13, True)]
    assert len(one.failures) == MAX_FAILURES
    assert same(state(one, 1), good)
    assert str(one.failures[-1]).endswith("retired as it was at step 10")


def test_an_exploding_kl_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = train(trainer(set()), tmp_path / "good", 1)
    nats = float(one.step()[2].max()) / SPEC.weight_count
    assert not one.failures
    assert 100 * nats < objective.MAX_NATS_PER_WEIGHT
    monkeypatch.setattr(objective, "MAX_NATS_PER_WEIGHT", nats / 1e3)
    one.step()
    assert {failure.member for failure in one.failures} == {0, 4, 7}
    assert all(failure.loss is not None and failure.kl is not None for failure in one.failures)


@pytest.mark.slow
@pytest.mark.parametrize("at", [7, 10, 11, 12, 13, 15, 29])
def test_a_restored_training_fails_as_the_unbroken_one(at: int, tmp_path: Path) -> None:
    spoilt = {3, 12, 13, 22}
    unbroken, broken, resumed = (trainer(spoilt) for _ in range(3))
    train(unbroken, tmp_path / "unbroken")
    train(broken, tmp_path / "state", at).save(tmp_path / "state")
    resumed.restore(tmp_path / "state")
    resumed.task.asked = at  # type: ignore[attr-defined]
    train(resumed, tmp_path / "state")
    assert resumed.failures == unbroken.failures
    assert all(same(state(resumed, place), state(unbroken, place)) for place in range(3))


def test_what_diverges_between_checks_is_found_at_the_next(tmp_path: Path) -> None:
    """As on a GPU: the failure has the step in which it happened, and the others keep their bits."""
    spoilt, sound = trainer({8, 9}), trainer(set())
    for one, name in ((spoilt, "spoilt"), (sound, "sound")):
        one.check_every = 7
        train(one, tmp_path / name, 5)
    good = state(spoilt, 1)
    while spoilt.steps_done < 14:
        assert not spoilt.failures
        spoilt.step()
    assert same(state(spoilt, 1), good)
    (failure,) = spoilt.failures
    assert (failure.member, failure.step, failure.back_to, failure.loss) == (4, 8, 5, None)
    while sound.steps_done < 14:
        sound.step()
    assert all(same(state(spoilt, place), state(sound, place)) for place in (0, 2))


def test_no_state_is_kept_before_members_are_recovered(tmp_path: Path) -> None:
    one = trainer({8})
    one.check_every = 100
    train(one, tmp_path / "good")
    assert [failure.step for failure in one.failures] == [8]
    assert all(bool(tensor.isfinite().all()) for tensor in one.state.values())


def test_a_member_that_diverges_before_a_state_was_kept_is_told() -> None:
    one = trainer({2})
    one.step()
    with pytest.raises(HypergraphError, match="member 4 diverged in step 2, before a state was kept"):
        one.step()
