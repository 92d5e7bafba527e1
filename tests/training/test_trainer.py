"""The trainer: members are independent, seeds decide every bit, a restored training goes on where it was saved."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from torch import Tensor

from hypergraph.errors import FileError
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors, write_tensors
from hypergraph.training.recipe import Recipe
from hypergraph.training.schedule import draw_wiring
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 6, 1))
SEVERAL = (SPEC, MLPSpec((3, 5, 1)), MLPSpec((2, 3, 2, 1)))
RECIPE = Recipe(steps=40, batch=32, beta_warmup_steps=10)


def trainer(
    members: list[int], seed: int = 0, specs: tuple[MLPSpec, ...] = (SPEC,), recipe: Recipe = RECIPE
) -> Trainer:
    return Trainer(L1Norm(), specs, recipe, seed, members, torch.device("cpu"))


def train(one: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        one.step()
    return one


def parameters(one: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in one.generator.pareto.state_dict().items()}


def test_member_in_a_batch_equals_that_member_alone() -> None:
    together, alone = trainer([0, 5, 2]), trainer([5])
    for _ in range(8):
        beta, loss, kl = together.step()
        beta_alone, loss_alone, kl_alone = alone.step()
        assert beta[1] == beta_alone[0]
        torch.testing.assert_close(loss[1:2], loss_alone, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(kl[1:2], kl_alone, rtol=1e-3, atol=1e-3)
    for name, tensor in parameters(alone).items():
        # Adam divides by the size of a gradient: where that is near zero, rounding shows. The steps moved up to 1e-2.
        differ = (parameters(together)[name][1:2] - tensor).abs() > 1e-4
        assert differ.float().mean() < 1e-3, name


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    first, again, other = (parameters(train(trainer([0, 1], seed), 5)) for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_threads_change_no_bit_of_small_networks() -> None:
    one = parameters(train(trainer([0, 1], specs=(MLPSpec((16, 48, 1)),)), 5))
    torch.set_num_threads(2)
    try:
        two = parameters(train(trainer([0, 1], specs=(MLPSpec((16, 48, 1)),)), 5))
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_recomputing_hyperlayers_changes_no_bit_and_keeps_less() -> None:
    kept, recomputed = trainer([0, 1]), trainer([0, 1])
    recomputed.generator.recompute = True
    train(kept, 5)
    train(recomputed, 5)
    ends = parameters(recomputed)
    assert all(torch.equal(tensor, ends[name]) for name, tensor in parameters(kept).items())
    assert bytes_kept(recompute=True) < 0.6 * bytes_kept(recompute=False)


def bytes_kept(recompute: bool) -> int:
    """What a forward pass keeps for the way back, parameters left out."""
    generator = Generator.initial([MLPSpec((20, 30, 1))], [stream(0)])
    generator.recompute = recompute
    parts: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        parts[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        networks = generator(torch.ones(1), generator.draw([stream(0)]))
    for parameter in generator.parameters():
        parts.pop(parameter.untyped_storage().data_ptr(), None)
    assert networks.kl.requires_grad
    return sum(parts.values())


@pytest.mark.parametrize("specs", [(SPEC,), SEVERAL], ids=["one network", "several"])
def test_a_restored_training_continues_bit_for_bit(specs: tuple[MLPSpec, ...], tmp_path: Path) -> None:
    unbroken, broken, resumed = (trainer([0, 1], specs=specs) for _ in range(3))
    train(unbroken, 20)
    train(broken, 11).save(tmp_path / "state.safetensors")
    resumed.restore(tmp_path / "state.safetensors")
    assert resumed.steps_done == 11
    train(resumed, 9)
    ends = parameters(resumed)
    assert all(torch.equal(tensor, ends[name]) for name, tensor in parameters(unbroken).items())


def test_a_state_of_other_members_is_refused(tmp_path: Path) -> None:
    train(trainer([0, 1]), 1).save(tmp_path / "state.safetensors")
    with pytest.raises(FileError, match="weight1 has shape"):
        trainer([0]).restore(tmp_path / "state.safetensors")
    one = train(trainer([0]), 1)
    one.generator.save(tmp_path / "generator.safetensors")
    with pytest.raises(FileError, match="is no hypergraph-training file"):
        one.restore(tmp_path / "generator.safetensors")


class Asked(L1Norm):
    """Notes for which networks it was asked for samples."""

    def __init__(self) -> None:
        self.specs: list[MLPSpec] = []

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.specs.append(spec)
        return super().sample(spec, batch, rng)


def asked(members: list[int], seed: int = 0, steps: int = 12) -> list[list[MLPSpec]]:
    """The network of each step and member."""
    one = trainer(members, seed, SEVERAL)
    task = one.task = Asked()
    train(one, steps)
    return [task.specs[step * len(members) :][: len(members)] for step in range(steps)]


def test_every_step_draws_one_of_several_networks_for_all_members() -> None:
    """And a member alone draws the same."""
    together = asked([0, 5])
    assert all(len(set(specs)) == 1 for specs in together)
    assert [specs[0] for specs in together] == [specs[0] for specs in asked([5])]
    assert {specs[0] for specs in together} == set(SEVERAL)
    assert together != asked([0, 5], seed=1)


class Early(L1Norm):
    """Notes when early inputs were drawn."""

    def __init__(self) -> None:
        self.early: list[bool] = []

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.early.append(False)
        return super().sample(spec, batch, rng)

    def sample_early(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.early.append(True)
        return super().sample(spec, batch, rng)


def test_early_inputs_are_drawn_in_the_first_half_of_the_steps() -> None:
    one = trainer([0])
    task = one.task = Early()
    one.recipe = replace(RECIPE, steps=7)
    train(one, 7)
    assert task.early == [True] * 4 + [False] * 3


def test_several_networks_are_trained_without_an_encoder_in_every_parameter() -> None:
    one = trainer([0, 3], specs=SEVERAL)
    assert not one.generator.has_encoder
    assert one.generator.specs == SEVERAL
    before = parameters(one)
    for _ in range(5):
        _, loss, kl = one.step()
        assert kl.tolist() == [0, 0]
        assert torch.isfinite(loss).all()
    assert not any(torch.equal(tensor, before[name]) for name, tensor in parameters(one).items())


def test_a_member_of_several_networks_equals_that_member_alone() -> None:
    together, alone = trainer([0, 5, 2], specs=SEVERAL), trainer([5], specs=SEVERAL)
    for _ in range(6):
        beta, loss, _ = together.step()
        beta_alone, loss_alone, _ = alone.step()
        assert beta[1] == beta_alone[0]
        torch.testing.assert_close(loss[1:2], loss_alone, rtol=1e-3, atol=1e-5)


@given(seed=st.integers(0, 2**32), wiring=st.floats(0, 1))
def test_a_wiring_is_that_of_the_recipe_or_the_members_own(seed: int, wiring: float) -> None:
    told, untold = (replace(RECIPE, wiring=each) for each in (wiring, None))
    drawn = [draw_wiring(untold, seed, member) for member in range(30)]
    assert all(0 <= each <= 1 for each in drawn)
    assert len(set(drawn)) == 30
    assert min(drawn) < 0.3 < 0.7 < max(drawn)
    assert [draw_wiring(told, seed, member) for member in range(3)] == [wiring] * 3
    in_turn = replace(RECIPE, wiring=(wiring, 1.0, 0.0))
    assert [draw_wiring(in_turn, seed, member) for member in range(5)] == [wiring, 1.0, 0.0, wiring, 1.0]


@pytest.mark.parametrize("wiring", [0.0, 0.4, None])
def test_members_start_from_their_wiring_whichever_others_are_beside_them(wiring: float | None) -> None:
    recipe = replace(RECIPE, wiring=wiring)
    together = parameters(trainer([0, 5, 2], recipe=recipe))
    for place, member in enumerate([0, 5, 2]):
        own = draw_wiring(recipe, 0, member)
        expected = Generator.initial([SPEC], [stream(0, member, "initial")], [own]).pareto.state_dict()
        assert all(torch.equal(tensor[place], expected[name][0]) for name, tensor in together.items())
    fully = parameters(trainer([0, 5, 2]))
    assert not torch.equal(together["bias3"], fully["bias3"])


@pytest.mark.slow
def test_training_lowers_the_loss() -> None:
    recipe = Recipe(steps=300, batch=64, beta_warmup_steps=300)
    one = Trainer(L1Norm(), [SPEC], recipe, 0, [0], torch.device("cpu"))
    losses = [float(one.step()[1]) for _ in range(300)]
    assert sorted(losses[-50:])[25] < 0.5 < sorted(losses[:10])[5]


def test_a_state_has_the_names_that_earlier_releases_wrote(tmp_path: Path) -> None:
    one = trainer([0])
    one.keep(tmp_path / "kept.safetensors")
    train(one, 2).save(tmp_path / "saved.safetensors")
    kept, saved = (read_tensors(tmp_path / f"{name}.safetensors") for name in ("kept", "saved"))
    names = {prefix + name for name in parameters(one) for prefix in ("", "mean.", "square.")}
    assert set(kept[0]) == names
    assert set(saved[0]) == names | {f"good.{name}" for name in names}
    assert all(torch.equal(saved[0][f"good.{name}"], kept[0][name]) for name in names)
    fixed = {"format": "hypergraph-training", "format_version": "2", "failures": "[]"}
    assert kept[1] == {**fixed, "step": "0", "good_step": "0"}
    assert saved[1] == {**fixed, "step": "2", "good_step": "0"}


def test_a_state_that_no_training_leaves_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    one = train(trainer([0]), 1)
    one.save(path)
    tensors, metadata = read_tensors(path)
    damage: list[tuple[str, dict[str, Tensor], dict[str, str]]] = [
        ("square.weight1 must not be negative", {"square.weight1": -tensors["square.weight1"] - 1}, {}),
        ("NaN is no number", {}, {"failures": "[NaN]"}),
        ("maximum recursion depth", {}, {"failures": "[" * 100_000}),
    ]
    for named, changed, texts in damage:
        write_tensors(path, tensors | changed, metadata | texts)
        with pytest.raises(FileError, match=named):
            one.restore(path)


def test_the_decoder_of_an_unwired_member_is_trained_alone_until_its_encoder_joins() -> None:
    one = trainer([0, 1], recipe=Recipe(steps=8, batch=32, wiring=(1.0, 0.0)))
    learned = slice(SHARED_HYPERWEIGHTS, one.generator.pareto.hyperweights)
    start = parameters(one)
    for _ in range(4):
        wired, unwired = one.step().kl.tolist()
        assert wired > 0
        assert unwired == 0
        assert one.generator.encoders == (True, False)
    for name in ("weight3", "bias3"):
        wired, unwired = ((parameters(one)[name] - start[name])[place][:, learned].any() for place in range(2))
        assert wired
        assert not unwired
    assert one.step().kl[1] > 0
    assert one.generator.encoders == (True, True)
