"""The network that a torch module is."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hypergraph.errors import SpecError
from hypergraph.foreign.layers import join_layers, order_layers
from hypergraph.spec import ACTIVATIONS
from hypergraph.weights import MLPWeights, SkipMLP, activation, check_numbers, from_state

GRID = torch.linspace(-10, 10, 1002, dtype=torch.float64, device="cpu").sinh().view(-1, 2)
"""Inputs by which an activation is recognised, [input, neuron]: small and large ones."""
VALUES = {name: activation(name)(GRID) for name in ACTIVATIONS}
STEPS = re.compile(r"linear( ((?!linear )\w+ )?linear)*")
"""What a module may apply, identities aside."""


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
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(8, network.spec.sizes[0], generator=rng, dtype=torch.float64, device="cpu")
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
    return join_layers(order_layers(tensors), tensors, hidden or "silu")


def _recognised(part: nn.Module) -> str:
    """The activation that a module computes. Raises SpecError where it computes something else."""
    with torch.no_grad(), contextlib.suppress(Exception):  # a module that expects other inputs may raise anything
        values = part(GRID.clone())
        for name, expected in VALUES.items():
            if values.shape == expected.shape and torch.allclose(values, expected, rtol=1e-9, atol=1e-12):
                return name
    kind, names = type(part).__name__ if list(part.children()) else str(part), ", ".join(VALUES)
    raise SpecError(f"{kind} is no nn.Sequential, no nn.Linear and none of the activations {names}")
