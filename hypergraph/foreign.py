"""Networks of others: torch modules, and plain safetensors files of their parameters."""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from hypergraph.errors import FileError, NoActivationError, SpecError
from hypergraph.spec import ACTIVATIONS, MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.weights import MLPWeights, SkipMLP, activation, check_numbers, from_state

GRID = torch.cat([torch.linspace(-25, 25, 1001, dtype=torch.float64), torch.tensor([-1e4, 0, 1e4])]).view(-1, 2)
"""Inputs by which an activation is recognised, [input, neuron]."""
VALUES = {name: activation(name)(GRID) for name in ACTIVATIONS}
STEPS = re.compile(r"linear( ((?!linear )\w+ )?linear)*")
"""What a module may apply, identities aside."""


def load_any_network(
    source: MLPWeights | nn.Module | Path | str, activation: str | Sequence[str] | None = None
) -> tuple[MLPWeights, dict[str, str]]:
    """A network in any of its forms, and the metadata of its file.

    Args:
        source: a network, a module (see `from_module`), a file that `MLPWeights.save` wrote, or a plain safetensors
            file of the weights and biases of linear layers, whose names differ in one number.
        activation: of a plain file, unless its metadata have an `activation`: one name, or one for each hidden layer,
            separated by commas or as a list.

    Raises:
        SpecError: the module computes something else.
        NoActivationError: nothing says the activation of a plain file.
        FileError: the file is damaged, or holds no network, or several.
    """
    if isinstance(source, MLPWeights):
        return source, {}
    if isinstance(source, nn.Module):
        return from_module(source), {}
    path = Path(source)
    tensors, metadata = read_tensors(path)
    if metadata.get("format", "").startswith("hypergraph-"):
        return MLPWeights.load(path)
    try:
        chain = _chain(tensors)
        names = activation or metadata.get("activation")
        if names is None and len(chain) > 1:
            raise NoActivationError(path)
        return _from_chain(chain, tensors, names or "silu"), metadata
    except SpecError as error:
        raise FileError(f"{path}: {error}") from None


def _chain(tensors: Mapping[str, Tensor]) -> dict[int, str]:
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


def _from_chain(chain: Mapping[int, str], tensors: Mapping[str, Tensor], activation: str | Sequence[str]) -> MLPWeights:
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


def from_module(module: nn.Module) -> MLPWeights:
    """The network of an `nn.Sequential` of `nn.Linear` and activations, as it computes in evaluation mode.

    Activations are recognised by what they compute, whatever their class. Later changes of the module change nothing.

    Raises:
        SpecError: naming the part that is something else.
    """
    parameters = dict(module.named_parameters())
    check_numbers(parameters)
    exact = copy.deepcopy(module).cpu().double().train(False)
    if isinstance(exact, SkipMLP):
        network = from_state(exact.spec, dict(exact.named_parameters()))
    else:
        network = _from_parts(_parts(exact))
    inputs = torch.randn(8, network.spec.sizes[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        if not torch.allclose(network(inputs), exact(inputs), rtol=1e-6, equal_nan=True):
            raise SpecError("the module computes something else than its linear layers and activations do")
    dtype = next(iter(parameters.values())).dtype
    return network.map(lambda tensor: tensor.detach().to(dtype))


def _parts(module: nn.Module) -> list[nn.Module]:
    """The modules that are called one after another."""
    return [part for child in module for part in _parts(child)] if isinstance(module, nn.Sequential) else [module]


def _from_parts(parts: Sequence[nn.Module]) -> MLPWeights:
    steps = ["linear" if isinstance(part, nn.Linear) else _recognised(part) for part in parts]
    told = " ".join(step for step in steps if step != "identity")
    if not STEPS.fullmatch(told):
        raise SpecError(f"the module applies {told or 'nothing'}: expected at most one activation between two linear")
    hidden = [name.strip() or "identity" for name in told.split("linear")[1:-1]]
    tensors: dict[str, Tensor] = {}
    for number, layer in enumerate(part for part in parts if isinstance(part, nn.Linear)):
        tensors |= {f"{number}.weight": layer.weight} | ({} if layer.bias is None else {f"{number}.bias": layer.bias})
    return _from_chain(_chain(tensors), tensors, hidden or "silu")


def _recognised(part: nn.Module) -> str:
    """The activation that a module computes. Raises SpecError where it computes something else."""
    with torch.no_grad(), contextlib.suppress(Exception):  # a module that expects other inputs may raise anything
        values = part(GRID.clone())
        for name, expected in VALUES.items():
            if values.shape == expected.shape and torch.allclose(values, expected, rtol=1e-9, atol=1e-12):
                return name
    kind, names = type(part).__name__ if list(part.children()) else str(part), ", ".join(VALUES)
    raise SpecError(f"{kind} is no nn.Sequential, no nn.Linear and none of the activations {names}")
