"""Networks that others trained: torch modules, and plain safetensors files of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from hypergraph.errors import FileError, NoActivationError, SpecError
from hypergraph.foreign.layers import join_layers, order_layers
from hypergraph.foreign.modules import from_module
from hypergraph.storage.schema import as_path
from hypergraph.storage.tensors import read_tensors
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights


@usual_torch()
def load_any_network(
    source: MLPWeights | nn.Module | Path | str, activation: str | Sequence[str] | None = None
) -> tuple[MLPWeights, dict[str, str]]:
    """A network in any of its forms, and the metadata of its file.

    Args:
        source: a network; an `nn.Sequential` of linear layers and activations; a file that `MLPWeights.save` wrote; a
            plain safetensors file of weights and biases of linear layers, whose names differ in one number.
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
    path = as_path(source, "network")
    tensors, metadata = read_tensors(path)
    if metadata.get("format", "").startswith("hypergraph-"):
        return MLPWeights.load(path)
    try:
        chain = order_layers(tensors)
        names = activation or metadata.get("activation")
        if not names and len(chain) > 1:
            raise NoActivationError(path)
        return join_layers(chain, tensors, names or "silu"), metadata
    except SpecError as error:
        raise FileError(f"{path}: {error}") from None
