"""Generated networks: any number of weight sets of one MLPSpec, as functions, modules and files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypergraph.errors import FileError, SpecError, UsageError
from hypergraph.spec import Connection, MLPSpec
from hypergraph.storage.atomic import write_bytes
from hypergraph.storage.schema import as_path
from hypergraph.storage.tensors import check_format, encode_tensors, read_tensors
from hypergraph.torch_state import usual_torch

FORMAT = "hypergraph-mlp"
FORMAT_VERSION = "1"
OWN_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"identity": lambda inputs: inputs, "square": torch.square}
"""Those that `torch.nn.functional` does not have."""
PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def kept_weights(spec: MLPSpec, connection: Connection) -> Tensor:
    """Which weights the connection's mask keeps: bool [target neurons, source neurons]."""
    shape = spec.sizes[connection.target], spec.sizes[connection.source]
    if connection.rows is None:
        return torch.ones(shape, dtype=torch.bool)
    return torch.tensor([[mark == "1" for mark in row] for row in connection.rows])


def activation(name: str | tuple[str, ...]) -> Callable[[Tensor], Tensor]:
    """The function that a spec's activation names. Raises SpecError where hidden layers have different ones."""
    if not isinstance(name, str):
        raise SpecError(f"the hidden layers have the activations {', '.join(name)}: expected one for all")
    function: Callable[[Tensor], Tensor] = OWN_ACTIVATIONS.get(name) or getattr(F, name)
    return function


class Layers(NamedTuple):
    """What every layer's neurons receive, and what they give: the inputs first, the outputs last.

    Attributes:
        sums: weighted sums with biases, [..., batch, neuron].
        values: the sums after the activation.
    """

    sums: list[Tensor]
    values: list[Tensor]


def run_layers(
    inputs: Tensor,
    incoming: Sequence[Sequence[tuple[int, Tensor]]],
    biases: Sequence[Tensor],
    activations: Sequence[str],
    held: Mapping[int, Tensor] | None = None,
) -> Layers:
    """Run layers one after another.

    Args:
        inputs: [..., batch, input].
        incoming: for each layer after the input, the layers that it reads and their weights, [..., target, source].
        biases: one for each layer after the input, [..., neuron], or none.
        activations: of the hidden layers.
        held: values that stand in place of those of some layers, by number.
    """
    sums, values = [inputs], [inputs]
    for target, sources in enumerate(incoming, 1):
        first, *others = (values[source] @ weight.mT for source, weight in sources)
        total = sum(others, first)
        sums.append(total + biases[target - 1].unsqueeze(-2) if biases else total)
        hidden = target < len(incoming)
        value = activation(activations[target - 1])(sums[-1]) if hidden else sums[-1]
        values.append((held or {}).get(target, value))
    return Layers(sums, values)


@dataclass(frozen=True)
class MLPWeights:
    """Weight sets of one spec, over any leading axes (members, samples, prices).

    Attributes:
        spec: the network.
        weights: one tensor per connection, in the order of `spec.connections`: [..., target, source]. Weights that a
            mask removes are zero.
        biases: one tensor per layer after the input, [..., neurons]; empty where the spec has no bias.
    """

    spec: MLPSpec
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @property
    def lead(self) -> torch.Size:
        """The leading axes: empty for a single network."""
        return self.weights[0].shape[:-2]

    def __getitem__(self, index: int | slice | tuple[int | slice, ...]) -> MLPWeights:
        """Select along the leading axes."""
        return self.map(lambda tensor: tensor[index])

    @classmethod
    def stack(cls, networks: Sequence[MLPWeights]) -> MLPWeights:
        """Stack networks of one spec along a new leading axis."""
        weights = tuple(map(torch.stack, zip(*(network.weights for network in networks), strict=True)))
        biases = tuple(map(torch.stack, zip(*(network.biases for network in networks), strict=True)))
        return cls(networks[0].spec, weights, biases)

    def map(self, function: Callable[[Tensor], Tensor]) -> MLPWeights:
        """Apply `function` to every tensor, for instance to detach, move or cast it."""
        return MLPWeights(self.spec, tuple(map(function, self.weights)), tuple(map(function, self.biases)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Run every network: inputs [..., batch, input] -> outputs [..., batch, output], leading axes broadcast."""
        return self.layers(inputs).values[-1]

    __call__ = forward

    def layers(self, inputs: Tensor, held: Mapping[int, Tensor] | None = None) -> Layers:
        """Every layer of every network, as `run_layers` gives them; `held` replaces the values of some layers."""
        incoming: list[list[tuple[int, Tensor]]] = [[] for _ in self.spec.sizes[1:]]
        for connection, weight in zip(self.spec.connections, self.weights, strict=True):
            incoming[connection.target - 1].append((connection.source, weight))
        return run_layers(inputs, incoming, self.biases, self.spec.activations, held)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors of a single network, named as `to_module` names its parameters."""
        if self.lead:
            raise UsageError(f"one network has no leading axes; these have {tuple(self.lead)}: select one first")
        return dict(zip(_shapes(self.spec), (*self.weights, *self.biases), strict=True))

    def to_module(self) -> nn.Module:
        """The network as a module: an `nn.Sequential` unless the spec has skip connections."""
        with torch.device("meta"):  # its initial weights would be drawn from torch's own stream
            module = build_module(self.spec)
        state = {name: tensor.detach().clone() for name, tensor in self.state_dict().items()}
        module.load_state_dict(state, assign=True)
        return module

    def save(self, path: Path | str, metadata: Mapping[str, str] | None = None) -> None:
        """Write one network as safetensors, with the names of `to_module`'s parameters. Raises FileError."""
        write_bytes(as_path(path, "path"), self.encode(metadata))

    def encode(self, metadata: Mapping[str, str] | None = None) -> bytes:
        """The content of the file that `save` writes."""
        text = {"format": FORMAT, "format_version": FORMAT_VERSION, "spec": self.spec.to_json(), **(metadata or {})}
        return encode_tensors(self.state_dict(), text)

    @classmethod
    @usual_torch()
    def load(cls, path: Path | str) -> tuple[MLPWeights, dict[str, str]]:
        """Read one network and its metadata.

        Raises:
            FileError: the file is damaged, does not fit its own spec, or holds NaN or infinity.
        """
        path = as_path(path, "path")
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, FORMAT_VERSION)
        try:
            spec = MLPSpec.from_json(metadata.get("spec", ""))
            _check_tensors(spec, tensors)
        except SpecError as error:
            raise FileError(f"{path}: {error}") from None
        return from_state(spec, tensors), metadata


def _name(source: int, target: int) -> str:
    """The name of a connection in a module; in a Sequential, linear layers and activations alternate."""
    return str(2 * source) if target == source + 1 else f"skip_{source}_{target}"


def _shapes(spec: MLPSpec) -> dict[str, tuple[int, ...]]:
    """The parameters of a spec's module and their shapes: weights by connection, then biases by layer."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{_name(c.source, c.target)}.weight": (spec.sizes[c.target], spec.sizes[c.source]) for c in spec.connections
    }
    if spec.bias:
        shapes |= {f"{_name(n, n + 1)}.bias": (size,) for n, size in enumerate(spec.sizes[1:])}
    return shapes


def from_state(spec: MLPSpec, state: Mapping[str, Tensor]) -> MLPWeights:
    """The network of a state dict of a spec's module."""
    tensors, count = tuple(state[name] for name in _shapes(spec)), len(spec.connections)
    return MLPWeights(spec, tensors[:count], tensors[count:])


def check_numbers(tensors: Mapping[str, Tensor]) -> None:
    """Raise SpecError unless tensors hold finite numbers of one precision."""
    for name, tensor in tensors.items():
        if tensor.dtype not in PRECISIONS:
            raise SpecError(f"{name} is {tensor.dtype}, none of {', '.join(map(str, PRECISIONS))}")
        if not bool(torch.isfinite(tensor).all()):
            raise SpecError(f"{name} holds NaN or infinity")
    if len(dtypes := {str(tensor.dtype) for tensor in tensors.values()}) > 1:
        raise SpecError(f"it holds numbers of {' and '.join(sorted(dtypes))}; a network has one precision")


def _check_tensors(spec: MLPSpec, tensors: Mapping[str, Tensor]) -> None:
    """Raise SpecError unless these are the parameters of a spec's module."""
    shapes = _shapes(spec)
    if set(tensors) != set(shapes):
        raise SpecError(f"it holds {', '.join(sorted(tensors))}; its spec {spec} needs {', '.join(sorted(shapes))}")
    for name, shape in shapes.items():
        if (found := tuple(tensors[name].shape)) != shape:
            raise SpecError(f"{name} has shape {found}; its spec {spec} needs {shape}")
    check_numbers(tensors)
    for mask in spec.masks:
        name = f"{_name(mask.source, mask.target)}.weight"
        if bool(tensors[name][~kept_weights(spec, mask)].any()):
            raise SpecError(f"{name} is not zero where the mask of its spec removes weights")


class Activation(nn.Module):
    """An elementwise function by name, for a module."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.function = activation(name)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs)

    def extra_repr(self) -> str:
        return self.name


class SkipMLP(nn.Module):
    """A multilayer perceptron with skip connections that have their own weights."""

    def __init__(self, spec: MLPSpec) -> None:
        super().__init__()
        self.spec = spec
        for c in spec.connections:
            bias = spec.bias and c.target == c.source + 1
            self.add_module(_name(c.source, c.target), nn.Linear(spec.sizes[c.source], spec.sizes[c.target], bias))

    def forward(self, inputs: Tensor) -> Tensor:
        return from_state(self.spec, dict(self.named_parameters())).forward(inputs)


def build_module(spec: MLPSpec) -> nn.Module:
    """A module of the spec's shape with torch's initial weights, to which masks are not applied."""
    if spec.skips:
        return SkipMLP(spec)
    linear = [nn.Linear(fan_in, fan_out, spec.bias) for fan_in, fan_out in itertools.pairwise(spec.sizes)]
    pairs = zip(linear, map(Activation, spec.activations), strict=False)  # the last layer has no activation
    return nn.Sequential(*itertools.chain.from_iterable(pairs), linear[-1])
