"""Generated networks compute what the oracle and what real modules compute; files that hold no network are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from listing import list_weights
from oracle import run_mlp
from safetensors.torch import load_file, save_file
from strategies import normal, seeds, specs
from torch import Tensor, nn

from hypergraph.errors import FileError, SpecError
from hypergraph.spec import ACTIVATIONS, Connection, MLPSpec
from hypergraph.weights import MLPWeights, activation, build_module

PLAIN = MLPSpec((3, 5, 2))
EVERYTHING = MLPSpec(
    (3, 4, 2, 1), ("tanh", "square"), skips=((0, 2), (0, 3)), masks=(Connection(0, 1, ("101", "010", "111", "000")),)
)


def random_numbers(spec: MLPSpec, seed: int, *lead: int) -> tuple[Tensor, list[Tensor]]:
    """Normal weights [weight, ...], without those that a mask removes, and biases."""
    biases = [normal(seed + n, *lead, size) for n, size in enumerate(spec.sizes[1:], 1)] if spec.bias else []
    return normal(seed, len(list_weights(spec)), *lead), biases


def assemble(spec: MLPSpec, numbers: Tensor, biases: list[Tensor]) -> MLPWeights:
    """Put every weight in its place, one by one, and zeros elsewhere."""
    matrices = {
        (c.source, c.target): numbers.new_zeros(*numbers.shape[1:], spec.sizes[c.target], spec.sizes[c.source])
        for c in spec.connections
    }
    for number, (source, i, target, j) in zip(numbers, list_weights(spec), strict=True):
        matrices[source, target][..., j, i] = number
    return MLPWeights(spec, tuple(matrices.values()), tuple(biases))


def random_weights(spec: MLPSpec, seed: int, *lead: int) -> MLPWeights:
    return assemble(spec, *random_numbers(spec, seed, *lead))


def test_every_layer_is_given_and_may_be_held() -> None:
    network, inputs = random_weights(EVERYTHING, 0), normal(9, 7, 3)
    sums, values = network.layers(inputs)
    assert [tuple(layer.shape) for layer in values] == [(7, size) for size in EVERYTHING.sizes]
    torch.testing.assert_close(values[1], sums[1].tanh())
    torch.testing.assert_close(values[2], sums[2].square())
    assert values[3] is sums[3]
    held = network.layers(inputs, {1: torch.zeros(7, 4, dtype=inputs.dtype)})
    assert not bool(held.values[1].any())
    torch.testing.assert_close(held.sums[2], inputs @ network.weights[1].mT + network.biases[1])


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: getattr(F, name) for name in ACTIVATIONS if hasattr(F, name)},
    "identity": lambda x: x,
    "square": lambda x: x * x,
}


def run_oracle(network: MLPWeights, inputs: Tensor) -> Tensor:
    sigmas = [FUNCTIONS[name] for name in network.spec.activations]
    matrices = {(c.source, c.target): w for c, w in zip(network.spec.connections, network.weights, strict=True)}
    return run_mlp(network.spec, matrices, network.biases, sigmas, inputs)


def assert_same(actual: MLPWeights, expected: MLPWeights) -> None:
    assert actual.spec == expected.spec
    for one, other in zip((*actual.weights, *actual.biases), (*expected.weights, *expected.biases), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@given(spec=specs(), seed=seeds)
def test_forward_agrees_with_message_passing(spec: MLPSpec, seed: int) -> None:
    numbers, biases = random_numbers(spec, seed)
    leaves = [tensor.requires_grad_() for tensor in (numbers, *biases)]
    network, inputs = assemble(spec, numbers, biases), normal(seed + 99, 4, spec.sizes[0])
    fast, slow = network(inputs), run_oracle(network, inputs)
    torch.testing.assert_close(fast, slow, rtol=1e-11, atol=1e-11)
    along = normal(seed + 98, *slow.shape)
    by_fast, by_slow = (
        torch.autograd.grad(outputs, leaves, along, retain_graph=True, materialize_grads=True)
        for outputs in (fast, slow)
    )
    for one, other in zip(by_fast, by_slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@given(spec=specs(), seed=seeds)
def test_module_computes_the_same(spec: MLPSpec, seed: int) -> None:
    network, inputs = random_weights(spec, seed), normal(seed + 99, 4, spec.sizes[0])
    module = network.to_module()
    assert isinstance(module, nn.Sequential) == (not spec.skips)
    torch.testing.assert_close(module(inputs), network(inputs))
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {
        name: tuple(tensor.shape) for name, tensor in network.state_dict().items()
    }


def by_hand(depth: int, bias: bool = True) -> nn.Sequential:
    """Width 3 throughout, swish between."""
    layers = [layer for _ in range(depth) for layer in (nn.Linear(3, 3, bias), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("depth", range(1, 11))
def test_file_loads_strictly_into_a_module_built_by_hand(depth: int, bias: bool, tmp_path: Path) -> None:
    network = random_weights(MLPSpec((3,) * (depth + 1), bias=bias), depth).map(Tensor.float)
    network.save(tmp_path / "network.safetensors")
    module = by_hand(depth, bias)
    module.load_state_dict(load_file(tmp_path / "network.safetensors"), strict=True)
    inputs = normal(0, 7, 3).float()
    torch.testing.assert_close(module(inputs), network(inputs))
    torch.testing.assert_close(network.to_module()(inputs), network(inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spec", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_files(spec: MLPSpec, dtype: torch.dtype, tmp_path: Path) -> None:
    network = random_weights(spec, 1).map(lambda tensor: tensor.to(dtype))
    network.save(tmp_path / "network.safetensors", {"task": "l1norm", "beta": "1e-6"})
    loaded, metadata = MLPWeights.load(tmp_path / "network.safetensors")
    assert_same(loaded, network)
    assert metadata["task"] == "l1norm"
    assert metadata["beta"] == "1e-6"
    assert metadata["format"] == "hypergraph-mlp"
    assert MLPSpec.from_json(metadata["spec"]) == spec
    build_module(spec).load_state_dict(load_file(tmp_path / "network.safetensors"), strict=True)


def test_a_network_cut_out_of_an_ensemble_can_be_saved(tmp_path: Path) -> None:
    flat = normal(0, 3, 12)
    spec = MLPSpec((2, 3, 1), bias=False)
    ensemble = MLPWeights(spec, (flat[:, :6].view(3, 3, 2), flat[:, 6:9].view(3, 1, 3)), ())
    ensemble[1].save(tmp_path / "network.safetensors")
    assert_same(MLPWeights.load(tmp_path / "network.safetensors")[0], ensemble[1])


@given(spec=specs(3), lead=st.lists(st.integers(1, 3), min_size=1, max_size=2), seed=seeds)
def test_leading_axes(spec: MLPSpec, lead: list[int], seed: int) -> None:
    networks = random_weights(spec, seed, *lead)
    shared, own = normal(seed + 98, 5, spec.sizes[0]), normal(seed + 99, *lead, 5, spec.sizes[0])
    by_shared, by_own = networks(shared), networks(own)
    assert networks.lead == torch.Size(lead)
    assert by_shared.shape == by_own.shape == (*lead, 5, spec.sizes[-1])
    for index in torch.cartesian_prod(*map(torch.arange, lead)).view(-1, len(lead)).tolist():
        at = tuple(index)
        assert networks[at].lead == ()
        torch.testing.assert_close(by_shared[at], run_oracle(networks[at], shared))
        torch.testing.assert_close(by_own[at], run_oracle(networks[at], own[at]))


def test_an_ensemble_is_not_one_network() -> None:
    networks = random_weights(PLAIN, 0, 2)
    with pytest.raises(ValueError, match=r"these have \(2,\)"):
        networks.state_dict()
    with pytest.raises(ValueError, match="select one first"):
        networks.to_module()


def test_module_is_independent_of_its_network() -> None:
    network = random_weights(PLAIN, 0).map(Tensor.float)
    module = network.to_module()
    before = network.weights[0].clone()
    with torch.no_grad():
        next(module.parameters()).zero_()
    assert torch.equal(network.weights[0], before)


def test_module_keeps_the_precision() -> None:
    network, inputs = random_weights(PLAIN, 0), normal(1, 4, 3)
    torch.testing.assert_close(network.to_module()(inputs), network(inputs), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("silu", lambda x: x * torch.sigmoid(x)),
        ("relu", lambda x: x.clamp(min=0)),
        ("tanh", torch.tanh),
        ("softplus", lambda x: torch.log1p(x.exp())),
        ("hardtanh", lambda x: x.clamp(-1, 1)),
        ("logsigmoid", lambda x: torch.sigmoid(x).log()),
    ],
)
def test_activation_by_name(name: Any, function: Callable[[Tensor], Tensor]) -> None:
    network, inputs = random_weights(MLPSpec((3, 5, 2), name), 0), normal(1, 4, 3)
    (first, second), (bias, last) = network.weights, network.biases
    torch.testing.assert_close(network(inputs), function(inputs @ first.T + bias) @ second.T + last)


@pytest.mark.parametrize(
    "name",
    [
        "nonsense",
        "linear",
        "glu",
        "conv2d",
        "torch",
        "Tensor_",
        "layer_norm",
        "normalize",
        "dropout",
        "gumbel_softmax",
        "softmax",
        "relu_",
        "has_torch_function",
        "handle_torch_function",
        "boolean_dispatch",
        "SiLU",
        "__doc__",
    ],
)
def test_no_activation(name: Any) -> None:
    with pytest.raises(SpecError) as error:
        MLPSpec((3, 5, 2), name)
    assert repr(name) in str(error.value)
    assert "silu" in str(error.value)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_are_elementwise(name: str) -> None:
    """And the same every time, whatever the shape."""
    inputs = torch.linspace(-4, 4, 24, dtype=torch.float64)
    whole = activation(name)(inputs.view(2, 3, 4)).flatten()
    torch.testing.assert_close(whole, torch.stack([activation(name)(number) for number in inputs]))
    torch.testing.assert_close(whole, FUNCTIONS[name](inputs))


def test_layers_of_their_own_activations_need_a_function_each() -> None:
    with pytest.raises(SpecError, match="have the activations relu, square: expected one for all"):
        activation(MLPSpec((3, 5, 5, 2), ("relu", "square")).activation)


# Files that hold no network

METADATA = {"format": "hypergraph-mlp", "format_version": "1", "spec": PLAIN.to_json()}


def tensors_of_plain() -> dict[str, Tensor]:
    return random_weights(PLAIN, 0).map(Tensor.float).state_dict()


def assert_refused(path: Path, *named: str) -> None:
    with pytest.raises(FileError) as error:
        MLPWeights.load(path)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    for part in (str(path), *named):
        assert part in message


def test_the_good_file_is_good(tmp_path: Path) -> None:
    save_file(tensors_of_plain(), tmp_path / "network", METADATA)
    assert_same(MLPWeights.load(tmp_path / "network")[0], random_weights(PLAIN, 0).map(Tensor.float))


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (None, "format = hypergraph-mlp"),
        ({**METADATA, "format": "hypergraph-generator"}, "format = hypergraph-mlp"),
        ({**METADATA, "format_version": "2"}, "version 2"),
        ({"format": "hypergraph-mlp", "spec": PLAIN.to_json()}, "version None"),
        ({"format": "hypergraph-mlp", "format_version": "1"}, "spec"),
        ({**METADATA, "spec": "3,5,2"}, "not JSON"),
        ({**METADATA, "spec": '{"sizes": [3, 0]}'}, "sizes[1] is 0"),
        ({**METADATA, "spec": '{"sizes": [3, 5, 2], "activation": ["relu", "relu"]}'}, "activation has 2 names"),
        ({**METADATA, "spec": MLPSpec((3, 5, 5, 2)).to_json()}, "4.weight"),
        ({**METADATA, "spec": MLPSpec((3, 4, 2)).to_json()}, "0.weight has shape (5, 3)"),
        ({**METADATA, "spec": MLPSpec((3, 5, 2), bias=False).to_json()}, "0.bias"),
        ({**METADATA, "spec": MLPSpec((3, 5, 2), skips=((0, 2),)).to_json()}, "skip_0_2.weight"),
    ],
)
def test_bad_metadata(metadata: dict[str, str] | None, named: str, tmp_path: Path) -> None:
    save_file(tensors_of_plain(), tmp_path / "network", metadata)
    assert_refused(tmp_path / "network", named)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("2.weight", None, "2.weight"),
        ("2.extra", torch.zeros(2), "2.extra"),
        ("2.weight", torch.zeros(2, 5, 1), "(2, 5, 1)"),
        ("2.weight", torch.zeros(5, 2), "(5, 2)"),
        ("2.weight", torch.zeros(0), "(0,)"),
        ("2.bias", torch.zeros(()), "()"),
        ("2.bias", torch.tensor([0, 1]), "int64"),
        ("2.bias", torch.tensor([True, False]), "bool"),
        ("2.bias", torch.tensor([0.0, float("nan")]), "NaN"),
        ("2.bias", torch.tensor([0.0, float("-inf")]), "infinity"),
        ("2.bias", torch.zeros(2).to(torch.float8_e4m3fn), "float8"),
        ("2.bias", torch.zeros(2, dtype=torch.float64), "torch.float32 and torch.float64"),
    ],
)
def test_bad_tensor(name: str, value: Tensor | None, named: str, tmp_path: Path) -> None:
    tensors = {**tensors_of_plain(), name: value}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, tmp_path / "network", METADATA)
    assert_refused(tmp_path / "network", *(() if " and " in named else (name,)), named)


def test_weights_that_the_mask_removes_must_be_zero(tmp_path: Path) -> None:
    network = random_weights(EVERYTHING, 0)
    ones = MLPWeights(EVERYTHING, tuple(map(torch.ones_like, network.weights)), network.biases)
    ones.save(tmp_path / "network")
    assert_refused(tmp_path / "network", "mask")


def test_a_huge_spec_costs_nothing(tmp_path: Path) -> None:
    spec = json.dumps({"sizes": [30_000, 60_000, 1]})
    save_file(tensors_of_plain(), tmp_path / "network", {**METADATA, "spec": spec})
    assert_refused(tmp_path / "network", "(60000, 30000)")
