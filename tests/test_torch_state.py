"""Settings of torch that a caller has for other work change no number, and stay as the caller has them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import hypergraph as hg
from hypergraph.experiment import run as experiment
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.testing.networks import equal, shared_streams

SPEC = hg.MLPSpec((4, 8, 1))
Setting = Callable[[], contextlib.AbstractContextManager[object]]


@contextlib.contextmanager
def setting(change: Callable[[Any], object], value: object, before: object) -> Iterator[None]:
    change(value)
    try:
        yield
    finally:
        change(before)


SETTINGS: dict[str, Setting] = {
    "float64": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "device": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "half precision": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "fast products": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
}


def state() -> tuple[object, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        shared_streams(),
    )


def small_work(folder: Path) -> list[bytes]:
    """All that is quick, as bytes."""
    generator = Generator.initial([SPEC], [stream(0)])
    generator.save(folder / "generator.safetensors")
    network = hg.generate(folder / "generator.safetensors", 1e-4)
    network.save(folder / "network.safetensors")
    loaded = hg.load_network(folder / "network.safetensors")
    hg.draw(loaded, folder / "net.svg")
    verdict = hg.classify(folder / "network.safetensors", "l1norm")
    tensors = loaded.to_module().state_dict().values()
    files = [path.read_bytes() for path in sorted(folder.iterdir())]
    return [*files, repr(verdict).encode(), *(tensor.detach().numpy().tobytes() for tensor in tensors)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return small_work(tmp_path_factory.mktemp("expected"))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_no_bit_and_stays(name: str, expected: list[bytes], tmp_path: Path) -> None:
    with SETTINGS[name]():
        before = state()
        found = small_work(tmp_path)
        assert state() == before
    assert found == expected


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "fast products"])
def test_a_pass_of_a_generator_changes_with_no_setting_but_the_precision_of_products(name: str) -> None:
    """Which is up to the loop that it is in."""

    def networks() -> hg.MLPWeights:
        generator = Generator.initial([SPEC], [stream(0)])
        beta = torch.tensor([1e-4], dtype=torch.float64, device="cpu")
        (network,), _ = generator(beta, generator.draw([stream(1)]))
        assert isinstance(network, hg.MLPWeights)
        return network

    expected = networks()
    with SETTINGS[name]():
        found = networks()
    assert equal(found, expected)


@pytest.mark.slow
def test_no_setting_changes_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a figure that trains, one that generates, and one that draws."""
    monkeypatch.setattr(experiment, "NAMES", ["baseline", "shuffle"])

    def train(folder: Path) -> list[bytes]:
        run = hg.train("l1norm", layers=SPEC, members=1, steps=2, out=folder, observe=lambda event: None)
        return [repr(run.rows).encode(), *(path.read_bytes() for path in sorted((folder / "figures").iterdir()))]

    expected = train(tmp_path / "expected")
    assert len(expected) == 1 + 2 * 3
    with contextlib.ExitStack() as stack:
        for name in ("float64", "default device", "inference", "half precision", "fast products"):
            stack.enter_context(SETTINGS[name]())
        before = state()
        found = train(tmp_path / "found")
        assert state() == before
    assert found == expected


def test_a_generator_that_was_tried_first_can_be_trained() -> None:
    """What it keeps of its first pass belongs to no setting of that time."""
    generator = Generator.initial([SPEC], [stream(0)])
    beta = torch.tensor([1e-4], dtype=torch.float64)
    with torch.inference_mode():
        tried = generator(beta, generator.draw([stream(1)]))
    (network,), kl = generator(beta, generator.draw([stream(1)]))
    assert equal(network, tried.networks[0])
    (network.weights[0].sum() + kl.sum()).backward()
    assert all(tensor.grad is not None for tensor in generator.parameters())


def test_a_generator_in_double_precision_is_saved_as_one_that_can_be_read(tmp_path: Path) -> None:
    generator = Generator.initial([SPEC], [stream(0)]).double()
    generator.save(tmp_path / "generator.safetensors")
    assert generator.pareto.weight1.dtype == torch.float64
    loaded = Generator.load(tmp_path / "generator.safetensors")[0]
    assert torch.equal(loaded.pareto.weight1.double(), generator.pareto.weight1)
