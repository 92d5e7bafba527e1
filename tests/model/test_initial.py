"""Where training starts: wired from not at all to fully, with or without an encoder."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, specs
from torch import Tensor

from hypergraph.analysis.measure import generate
from hypergraph.errors import FileError, UsageError
from hypergraph.graph import ComputationGraph
from hypergraph.model.channel import SCALE_RANGE
from hypergraph.model.dimensions import HYPERDEPTH, HYPERWIDTH_IN, LATENT
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS
from hypergraph.model.initial import LOG_SCALE, READ_OUT, initial_hyperweights
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors, write_tensors

SPEC = MLPSpec((4, 6, 1))
OTHER = MLPSpec((3, 5, 2, 2), skips=((0, 2),))


def start(spec: MLPSpec, seed: int, wiring: float) -> tuple[Tensor, Tensor, Tensor]:
    """Hyperweights, their scales, and where the random stream went on from."""
    rng = stream(seed)
    return *initial_hyperweights(ComputationGraph.of(spec), rng, wiring), rng.get_state()


@given(spec=specs(max_depth=4), seed=seeds, wiring=st.floats(0, 1))
def test_a_start_goes_linearly_from_unwired_to_wired(spec: MLPSpec, seed: int, wiring: float) -> None:
    """With the same random numbers, whatever the wiring: hyperweights, and the scales on which they vary with beta."""
    unwired, partly, wired = (start(spec, seed, each) for each in (0.0, wiring, 1.0))
    for low, middle, high in zip(unwired[:2], partly[:2], wired[:2], strict=True):
        torch.testing.assert_close(middle, low + wiring * (high - low), rtol=1e-5, atol=1e-5)
        assert (torch.minimum(low, high) - 1e-6 <= middle).all()
        assert (middle <= torch.maximum(low, high) + 1e-6).all()
    assert torch.equal(unwired[2], partly[2])
    assert torch.equal(partly[2], wired[2])


def test_wiring_sets_the_wires_and_the_scales_of_latents_and_shrinks_the_read_out() -> None:
    (unwired, spread, _), (wired, narrowed, _) = start(SPEC, 0, 0.0), start(SPEC, 0, 1.0)
    read_out = slice(SHARED_HYPERWEIGHTS - 2 * (HYPERWIDTH_IN + 1), SHARED_HYPERWEIGHTS)
    changed = unwired != wired
    changed[read_out] = False
    scale = round(SCALE_RANGE * math.atanh(LOG_SCALE / SCALE_RANGE), 4)
    wires = (HYPERDEPTH - 1) * LATENT
    assert Counter(round(number, 4) for number in wired[changed].tolist()) == {1.0: wires, scale: HYPERDEPTH * LATENT}
    latents = (wired[read_out] - READ_OUT * unwired[read_out]).abs() > 1e-6
    assert wired[read_out][latents].abs().tolist() == pytest.approx([READ_OUT] * LATENT)
    torch.testing.assert_close(narrowed[read_out], READ_OUT * spread[read_out])
    assert torch.equal(narrowed[: read_out.start], spread[: read_out.start])
    assert torch.equal(narrowed[read_out.stop :], spread[read_out.stop :])


def parameters(*wirings: float, encoder: bool = True) -> dict[str, Tensor]:
    rngs = [stream(0, member) for member in range(3)]
    return Generator.initial([SPEC], rngs, wirings, encoder).pareto.state_dict()


def test_members_are_fully_wired_unless_they_are_told_otherwise() -> None:
    told, untold, loose = parameters(1.0, 1.0, 1.0), parameters(), parameters(0.0, 0.0, 0.0)
    assert all(torch.equal(told[name], untold[name]) for name in untold)
    assert not torch.equal(loose["bias3"], untold["bias3"])


def test_every_member_has_its_own_wiring() -> None:
    mixed = parameters(0.0, 0.3, 1.0)
    for member, wiring in enumerate((0.0, 0.3, 1.0)):
        alike = parameters(wiring, wiring, wiring)
        assert all(torch.equal(mixed[name][member], alike[name][member]) for name in mixed)


def test_as_many_wirings_as_members_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        parameters(0.5, 0.5)


def decoder(*chosen: MLPSpec) -> Generator:
    return Generator.initial(chosen, [stream(0), stream(1)], encoder=False)


def shared_of(generator: Generator) -> Generator:
    """The generator without its learned variables."""
    state = generator.pareto.state_dict()
    for name in ("weight3", "bias3"):
        parts = state[name].unflatten(2, (2, -1))[..., :SHARED_HYPERWEIGHTS]
        state[name] = parts.flatten(2).clone()
    return Generator(generator.specs, ParetoHyperhypernetwork(**state))


@pytest.mark.parametrize("spec", [SPEC, OTHER])
def test_a_generator_without_learned_variables_makes_what_the_decoder_alone_makes(spec: MLPSpec) -> None:
    whole = Generator.initial([SPEC], [stream(0), stream(1)])
    assert whole.has_encoder
    assert not shared_of(whole).has_encoder
    with_it, without = (
        generate(whole, 1e-3, seed=0, members=[0, 1], spec=spec, encoder=False),
        generate(shared_of(whole), 1e-3, seed=0, members=[0, 1], spec=spec),
    )
    for one, other in zip(with_it.networks.weights, without.networks.weights, strict=True):
        torch.testing.assert_close(one, other)
    assert without.kl.tolist() == [0, 0]


def test_a_start_without_an_encoder_is_that_of_the_hyperweights_which_networks_share() -> None:
    whole = shared_of(Generator.initial([SPEC], [stream(0), stream(1)])).pareto.bias3
    assert torch.equal(decoder(SPEC).pareto.bias3, whole)
    assert not decoder(SPEC).has_encoder


def test_the_encoder_that_is_not_there_cannot_be_used() -> None:
    generator = decoder(SPEC, OTHER)
    prices, draws = torch.ones(2), generator.draw([stream(2), stream(3)])
    with pytest.raises(UsageError, match="this generator has no encoder to be used"):
        generator(prices, draws)
    networks, kl = generator(prices, draws, encoder=False)
    assert [network.spec for network in networks] == [SPEC, OTHER]
    assert kl.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("chosen", [[SPEC], [SPEC, OTHER]])
def test_a_generator_without_an_encoder_is_kept_and_found(chosen: list[MLPSpec], tmp_path: Path) -> None:
    generator, path = decoder(*chosen), tmp_path / "decoder.safetensors"
    generator.save(path, {"task": "l1norm"})
    found, metadata = Generator.load(path)
    assert (found.specs, found.members, found.has_encoder) == (tuple(chosen), 2, False)
    assert (metadata["encoder"], metadata["task"]) == ("0", "l1norm")
    state = found.pareto.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in generator.pareto.state_dict().items())
    parts = [Generator.join([found.member(1), found.member(0)]), found.member(1)]
    assert [part.has_encoder for part in parts] == [False, False]
    assert torch.equal(parts[0].pareto.weight3[0], parts[1].pareto.weight3[0])


@pytest.mark.parametrize(
    ("encoder", "said", "message"),
    [
        (False, "1", "weight3 has shape"),
        (True, "0", "weight3 has shape"),
        (True, "2", "encoder = '2', which is neither 0 nor 1"),
    ],
)
def test_a_file_that_is_wrong_about_its_encoder_is_refused(
    encoder: bool, said: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "generator.safetensors"
    Generator.initial([SPEC], [stream(0)], encoder=encoder).save(path, {"encoder": said})
    with pytest.raises(FileError, match=message):
        Generator.load(path)


def test_a_file_that_does_not_mention_the_encoder_has_one(tmp_path: Path) -> None:
    """As files of earlier releases do not."""
    path = tmp_path / "generator.safetensors"
    Generator.initial([SPEC], [stream(0)]).save(path)
    tensors, metadata = read_tensors(path)
    del metadata["encoder"]
    write_tensors(path, tensors, metadata)
    assert Generator.load(path)[0].has_encoder


ENCODERS = (True, False, True)


def partly_encoded() -> Generator:
    """Three members, the second of which does not use its encoder."""
    generator = Generator.initial([SPEC], [stream(member) for member in range(3)])
    generator.encoders = ENCODERS
    return generator


def test_each_member_uses_its_own_encoder_or_none() -> None:
    generator, results = partly_encoded(), {}
    beta, draws = torch.logspace(-5, 0, 3), generator.draw([stream(9, member) for member in range(3)])
    for encoders in (ENCODERS, (True,) * 3, (False,) * 3):
        generator.encoders = encoders
        (networks,), kl = generator(beta, draws)
        grads = torch.autograd.grad(networks.weights[0].square().sum() + kl.sum(), list(generator.parameters()))
        results[encoders] = [*networks.weights, *networks.biases, kl, *grads]
    for place, used in enumerate(ENCODERS):
        for ours, theirs in zip(results[ENCODERS], results[(used,) * 3], strict=True):
            torch.testing.assert_close(ours[place], theirs[place])


def test_who_uses_an_encoder_is_kept_in_files_members_and_joined_generators(tmp_path: Path) -> None:
    path, generator = tmp_path / "generator.safetensors", partly_encoded()
    generator.save(path)
    loaded, _ = Generator.load(path)
    assert loaded.encoders == ENCODERS
    assert loaded.member(1).encoders == (False,)
    assert Generator.join([loaded.member(1), loaded]).encoders == (False, *ENCODERS)
    assert loaded.member(1).repeated(2).encoders == (False, False)


@pytest.mark.parametrize("said", ["01", "012", "0110"])
def test_a_file_that_does_not_say_who_uses_an_encoder_is_refused(said: str, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    partly_encoded().save(path, {"encoders": said})
    with pytest.raises(FileError, match=f"encoders = '{said}' is no 0 or 1 for each of 3 members"):
        Generator.load(path)
