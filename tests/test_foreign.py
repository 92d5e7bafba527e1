"""Networks that others trained compute here what they computed there; what is none, or ambiguous, is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from safetensors.torch import save_file
from strategies import normal, seeds, specs
from torch import Tensor, nn

import hypergraph as hg
from hypergraph.errors import FileError, NoActivationError, SpecError
from hypergraph.foreign import load_any_network
from hypergraph.foreign.modules import from_module
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import random_networks
from hypergraph.weights import PRECISIONS

NAMES = ["{}", "layers.{}", "fc{}", "model.{}.linear", "module._orig_mod.net2.{}"]


def trained(spec: MLPSpec, seed: int = 0) -> nn.Module:
    """A module of float64 numbers."""
    return random_networks(spec, 1, seed)[0].map(Tensor.double).to_module()


def renamed(module: nn.Module, pattern: str) -> dict[str, Tensor]:
    """A state dict whose layers have other names."""
    parts = [(*name.split("."), tensor) for name, tensor in module.state_dict().items()]
    return {f"{pattern.format(number)}.{kind}": tensor for number, kind, tensor in parts}


@settings(max_examples=30)
@given(spec=specs(5), pattern=st.sampled_from(NAMES), seed=seeds)
def test_a_plain_file_computes_what_the_module_computes(
    spec: MLPSpec, pattern: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    module = trained(replace(spec, skips=(), masks=()), seed)
    path = tmp_path_factory.getbasetemp() / "plain.safetensors"
    save_file(renamed(module, pattern), path, {"format": "pt"})
    network, metadata = load_any_network(path, spec.activation)
    assert network.spec == replace(spec, skips=(), masks=())
    assert metadata == {"format": "pt"}
    inputs = normal(seed, 5, spec.sizes[0])
    torch.testing.assert_close(network(inputs), module(inputs))


@given(spec=specs(5), seed=seeds)
def test_a_module_is_read_as_it_computes(spec: MLPSpec, seed: int) -> None:
    module = trained(replace(spec, masks=()), seed)
    network = from_module(module)
    assert network.spec == (replace(spec, masks=()) if len(spec.sizes) > 2 else MLPSpec(spec.sizes, bias=spec.bias))
    inputs = normal(seed, 5, spec.sizes[0])
    torch.testing.assert_close(network(inputs), module(inputs))


class Squared(nn.Module):
    """An activation of somebody's own."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * inputs


class Residual(nn.Sequential):
    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self[0](inputs)
        return inputs + outputs


def test_activations_are_recognised_by_what_they_compute() -> None:
    block = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Dropout(0.5))
    parts = [nn.Linear(6, 5), Squared(), nn.Linear(5, 5), nn.Identity(), nn.Linear(5, 3), nn.LeakyReLU()]
    module = nn.Sequential(nn.Flatten(), block, *parts, nn.Linear(3, 2), nn.Identity())
    network, inputs = from_module(module), torch.randn(7, 4)
    assert network.spec == MLPSpec((4, 6, 5, 5, 3, 2), ("relu", "square", "identity", "leaky_relu"))
    assert module.training
    torch.testing.assert_close(network(inputs), module.eval()(inputs))
    with torch.no_grad():
        parts[0].get_parameter("weight").zero_()
    assert network.weights[1].all()


def linear(*sizes: int, bias: bool = True) -> list[nn.Module]:
    return [nn.Linear(a, b, bias) for a, b in pairwise(sizes)]


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 1)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(), "the module applies nothing"),
        (nn.Sequential(nn.ReLU()), "the module applies relu"),
        (nn.Sequential(nn.ReLU(), *linear(3, 1)), "the module applies relu linear"),
        (nn.Sequential(*linear(3, 1), nn.Sigmoid()), "the module applies linear sigmoid"),
        (
            nn.Sequential(*linear(3, 4), nn.ReLU(), nn.Tanh(), *linear(4, 1)),
            "applies linear relu tanh linear",
        ),
        (nn.Sequential(*linear(3, 4), nn.GELU("tanh"), *linear(4, 1)), "GELU(approximate='tanh') is no nn.Sequential"),
        (nn.Sequential(*linear(3, 4), nn.LeakyReLU(0.2), *linear(4, 1)), "LeakyReLU(negative_slope=0.2) is no"),
        (nn.Sequential(*linear(3, 4), nn.Softmax(1), *linear(4, 1)), "Softmax(dim=1) is no"),
        (nn.Sequential(*linear(3, 4), nn.LayerNorm(4), *linear(4, 1)), "LayerNorm((4,)"),
        (nn.Sequential(*linear(3, 4), nn.BatchNorm1d(4), *linear(4, 1)), "BatchNorm1d(4"),
        (nn.Sequential(nn.Conv1d(1, 1, 3), *linear(4, 1)), "Conv1d(1, 1, "),
        (
            nn.Sequential(*linear(3, 4), nn.ReLU(), *linear(5, 1)),
            "1.weight has 5 columns: expected 4, the rows",
        ),
        (nn.Sequential(*linear(3, 4), nn.ReLU(), *linear(4, 1, bias=False)), "1.bias is missing"),
        (Residual(*linear(3, 3)), "the module computes something else"),
        (Custom(), "Custom is no nn.Sequential, no nn.Linear and none of the activations celu, "),
        (nn.Linear(3, 1, dtype=torch.complex64), "weight is torch.complex64"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_module_of_something_else_is_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(SpecError) as error:
        from_module(module)
    assert message in str(error.value)


def test_a_module_with_numbers_that_are_not_finite_is_refused() -> None:
    module = nn.Linear(3, 1)
    nn.init.constant_(module.bias, torch.nan)
    with pytest.raises(SpecError, match="bias holds NaN or infinity"):
        from_module(module)


def matrices(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    """Tensors by name; _ stands for a dot."""
    return {name.replace("_", "."): torch.ones(shape) for name, shape in shapes.items()}


GOOD = matrices(a0_weight=(4, 3), a0_bias=(4,), a2_weight=(1, 4), a2_bias=(1,))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "it holds no tensors"),
        (matrices(a=(3, 1)), "a is neither the weight nor the bias of a linear layer"),
        (GOOD | matrices(a1_running_mean=(4,)), "a1.running.mean is neither"),
        (GOOD | matrices(a1_weight=(4,), a1_bias=(4,)), "a1.weight has shape (4,): a linear layer has a matrix"),
        (matrices(a0_weight=(8, 3, 3, 3)), "a0.weight has shape (8, 3, 3, 3)"),
        (GOOD | {"a0.bias": torch.ones(4, 1)}, "a0.bias has shape (4, 1)"),
        (
            matrices(actor0_weight=(4, 3), critic0_weight=(4, 4)),
            "it holds actor0, critic0: expected one chain",
        ),
        (matrices(a0_b0_weight=(4, 3), a0_b2_weight=(3, 4), a1_b0_weight=(4, 3)), "it holds a0.b0, a0.b2, a1.b0"),
        (matrices(a0_weight=(4, 3), out_weight=(1, 4)), "it holds a0, out"),
        (matrices(a1_weight=(4, 4), a01_weight=(4, 4)), "it holds a01, a1"),
        (matrices(a0_weight=(4, 3), a2_weight=(1, 5)), "a2.weight has 5 columns: expected 4, the rows of a0.weight"),
        (GOOD | {"a2.bias": torch.ones(2)}, "a2.bias has 2 numbers: expected 1, the rows of a2.weight"),
        ({name: GOOD[name] for name in GOOD if name != "a2.bias"}, "a2.bias is missing"),
        ({name: GOOD[name] for name in GOOD if name != "a0.weight"}, "a0.weight is missing"),
        (GOOD | {"a2.bias": torch.ones(1, dtype=torch.float64)}, "numbers of torch.float32 and torch.float64"),
        (GOOD | {"a2.bias": torch.ones(1, dtype=torch.int8)}, "a2.bias is torch.int8"),
        (GOOD | {"a2.bias": torch.full((1,), torch.inf)}, "a2.bias holds NaN or infinity"),
        (matrices(a0_weight=(0, 3), a2_weight=(1, 0)), "sizes[1] is 0"),
        (
            matrices(a0_weight=(4, 3), a2_weight=(4, 4), a3_weight=(1, 4)),
            "only some of the layers 0, 2, 3 leave room for an activation between them",
        ),
    ],
)
def test_a_plain_file_of_something_else_is_refused(tensors: dict[str, Tensor], message: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "plain")
    with pytest.raises(FileError) as error:
        load_any_network(tmp_path / "plain", "relu")
    assert str(error.value).startswith(f"{tmp_path / 'plain'}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("sine", "activation is 'sine': expected one of celu"),
        ("relu,tanh", "activation has 2 names: expected one, or one for each hidden layer of 3,4,1"),
    ],
)
def test_activations_that_do_not_fit(activation: Any, message: str, tmp_path: Path) -> None:
    save_file(GOOD, tmp_path / "plain")
    with pytest.raises(FileError) as error:
        load_any_network(tmp_path / "plain", activation)
    assert message in str(error.value)


def test_who_names_the_activation(tmp_path: Path) -> None:
    tensors = matrices(a0_weight=(4, 3), a2_weight=(4, 4), a3_weight=(1, 4))
    save_file(tensors, tmp_path / "plain", {"activation": "relu, identity"})
    assert hg.load_network(tmp_path / "plain").spec.activation == ("relu", "identity")
    assert hg.load_network(tmp_path / "plain", ["tanh", "square"]).spec.activation == ("tanh", "square")
    save_file(tensors, tmp_path / "plain", {"activation": ""})
    with pytest.raises(NoActivationError, match="plain does not say its activation: name it"):
        hg.classify(tmp_path / "plain", "l1norm")
    save_file({"weight": torch.ones(1, 3)}, tmp_path / "plain")
    assert hg.load_network(tmp_path / "plain").spec == MLPSpec((3, 1), bias=False)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_modules_of_every_precision_are_classified_and_drawn(dtype: torch.dtype, tmp_path: Path) -> None:
    module = trained(MLPSpec((4, 12, 1))).to(dtype)
    network = from_module(module)
    assert {tensor.dtype for tensor in (*network.weights, *network.biases)} == {dtype}
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert hg.classify(module, "l1norm") == hg.classify(network, "l1norm")
    save_file(module.state_dict(), tmp_path / "plain")
    assert hg.classify(hg.load_network(tmp_path / "plain", "silu"), "l1norm") == hg.classify(module, "l1norm")
    hg.draw(module, tmp_path / "module.svg", layout="layered")
    hg.draw(network, tmp_path / "network.svg", layout="layered")
    assert (tmp_path / "module.svg").read_bytes() == (tmp_path / "network.svg").read_bytes()


def test_a_file_of_hypergraph_is_read_as_ever(tmp_path: Path) -> None:
    network = random_networks(MLPSpec((3, 4, 1), "tanh"), 1)[0]
    network.save(tmp_path / "own", {"task": "l1norm"})
    loaded, metadata = load_any_network(tmp_path / "own", "relu")
    assert (loaded.spec, metadata["task"]) == (network.spec, "l1norm")
    assert load_any_network(network) == (network, {})
    save_file(GOOD, tmp_path / "other", {"format": "hypergraph-generator"})
    with pytest.raises(FileError, match="is no hypergraph-mlp file"):
        load_any_network(tmp_path / "other", "relu")
