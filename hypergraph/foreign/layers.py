"""Linear layers by the names and shapes of their tensors: their order, and the network that they are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, check_numbers


def order_layers(tensors: Mapping[str, Tensor]) -> dict[int, str]:
    """The names of the linear layers by their numbers, input first. Raises SpecError where they are no chain."""
    for name, tensor in tensors.items():
        kind = name.rpartition(".")[2]
        if kind not in ("weight", "bias"):
            raise SpecError(f"{name} is neither the weight nor the bias of a linear layer")
        if tensor.dim() != (2 if kind == "weight" else 1):
            raise SpecError(f"{name} has shape {tuple(tensor.shape)}: a linear layer has a matrix and a vector")
    chain = _numbered({_layer(name) for name in tensors})
    _check_complete(chain.values(), tensors)
    _check_shapes(chain.values(), tensors)
    return chain


def _layer(name: str) -> str:
    """The name of a tensor's layer, with the dot if there is one."""
    return name[: name.rfind(".") + 1]


def _numbered(layers: Collection[str]) -> dict[int, str]:
    """Layers by the number in which their names differ, ascending."""
    parts = {layer: re.split("([0-9]{1,9})", layer) for layer in layers}  # texts and numbers take turns
    places = [n for n, column in enumerate(zip(*parts.values(), strict=False)) if len(set(column)) > 1]
    if len(layers) == 1:
        return dict(enumerate(layers))
    numbers = {}
    if len({len(part) for part in parts.values()}) == 1 and len(places) == 1 and places[0] % 2:
        numbers = {int(part[places[0]]): layer for layer, part in parts.items()}
    if not layers or len(numbers) < len(layers):
        names = ", ".join(sorted(layer.rstrip(".") for layer in layers)) or "no tensors"
        raise SpecError(
            f"it holds {names}: expected one chain of layers whose names differ in one number, as 0, 2, 4 do"
        )
    return dict(sorted(numbers.items()))


def _check_complete(layers: Collection[str], tensors: Mapping[str, Tensor]) -> None:
    missing = [name for layer in layers if (name := f"{layer}weight") not in tensors]
    without = [name for layer in layers if (name := f"{layer}bias") not in tensors]
    if missing or 0 < len(without) < len(layers):
        name = (missing or without)[0]
        raise SpecError(f"{name} is missing: expected a weight of every layer, and a bias of every layer or of none")


def _check_shapes(layers: Collection[str], tensors: Mapping[str, Tensor]) -> None:
    for layer, after in itertools.pairwise(layers):
        rows, columns = len(tensors[f"{layer}weight"]), tensors[f"{after}weight"].shape[1]
        if rows != columns:
            raise SpecError(f"{after}weight has {columns:,} columns: expected {rows:,}, the rows of {layer}weight")
    for layer in layers:
        rows, bias = len(tensors[f"{layer}weight"]), tensors.get(f"{layer}bias")
        if bias is not None and len(bias) != rows:
            raise SpecError(f"{layer}bias has {len(bias):,} numbers: expected {rows:,}, the rows of {layer}weight")


def join_layers(chain: Mapping[int, str], tensors: Mapping[str, Tensor], activation: str | Sequence[str]) -> MLPWeights:
    """The network of a chain of layers. Raises SpecError where the activations do not fit it."""
    names = [name.strip() for name in activation.split(",")] if isinstance(activation, str) else list(activation)
    steps = {after - before for before, after in itertools.pairwise(chain)}
    if len(names) == 1 and 1 in steps and len(steps) > 1:  # in an nn.Sequential, an activation has a number, too
        raise SpecError(
            f"only some of the layers {', '.join(map(str, chain))} leave room for an activation between them: "
            "name one for each hidden layer, and identity where there is none"
        )
    check_numbers(tensors)
    weights = tuple(tensors[f"{layer}weight"] for layer in chain.values())
    biases = tuple(tensors[name] for layer in chain.values() if (name := f"{layer}bias") in tensors)
    return MLPWeights(_spec(weights, names, bool(biases)), weights, biases)


def _spec(weights: Sequence[Tensor], names: Sequence[str], bias: bool) -> MLPSpec:
    sizes = [weights[0].shape[1], *map(len, weights)]
    return MLPSpec.from_fields({"sizes": sizes, "activation": names[0] if len(names) == 1 else names, "bias": bias})
