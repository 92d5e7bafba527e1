"""Describe networks by numbers that are free of the order of their neurons and know nothing of their task but samples.

A network is probed with a task's inputs. What its neurons read, how they bend, and who serves an input, is summarised
by deciles, which have the same length in every network of as many layers. Which inputs the output depends on is told
input by input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hypergraph.interfaces import Task
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.torch_state import torch_threads
from hypergraph.weights import MLPWeights

PROBES = 1_000
"""Inputs that a network is probed with."""
DECILES = 10
LAYER_FEATURES, FUNCTION_FEATURES = 7 * DECILES + 3, 3
"""Features of a hidden layer, and of the whole function without those of single inputs."""
MAX_NUMBERS = 4_000_000
"""Most numbers of a hidden layer that are computed at once, with one neuron after another held still."""
TINY = 1e-12

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Probe:
    """Inputs, the same inputs with each one's numbers shuffled, and the spread of the targets."""

    inputs: Tensor
    shuffled: Tensor
    spread: Tensor

    @classmethod
    def draw(cls, task: Task, spec: MLPSpec) -> Probe:
        """The probe of a task, always the same for networks of as many inputs."""
        rng = stream("probe")
        inputs, targets = (tensor.double() for tensor in task.sample_held_out(spec, PROBES, rng))
        order = torch.rand(inputs.shape, generator=rng).argsort(-1)
        return cls(inputs, inputs.gather(-1, order), _spread(targets))


@dataclass(frozen=True)
class Description:
    """What is measured of one network.

    Attributes:
        features: by name; each is an array of any length, and all arrays weigh the same.
        spread: that of the output, relative to the targets'.
    """

    features: dict[str, Array]
    spread: float

    @property
    def vector(self) -> Array:
        """All features, scaled so that the arrays weigh the same."""
        return np.concatenate([value / len(value) ** 0.5 for value in self.features.values()])


def feature_count(spec: MLPSpec) -> int:
    """The number of features of a network."""
    return (len(spec.sizes) - 2) * LAYER_FEATURES + FUNCTION_FEATURES + spec.sizes[0]


@torch.no_grad()
@torch_threads(1)  # the matrices are so small that a second thread costs more time than it saves
def describe(network: MLPWeights, probe: Probe) -> Description:
    """Measure one network; NaN where its numbers are not finite."""
    network = network.map(Tensor.double)
    sums, layers = network.layers(probe.inputs)
    if not all(bool(values.square().sum().isfinite()) for values in (*network.weights, *sums)):
        return Description({"function": np.full(feature_count(network.spec), np.nan)}, np.nan)
    features: dict[str, Array] = {}
    for layer in range(1, len(layers) - 1):
        described = _describe_layer(network, layer, sums, layers)
        features |= {f"{name}_{layer}": value for name, value in described.items()}
    features["function"] = _describe_function(network, probe, layers[-1])
    features["inputs"] = _describe_inputs(network, layers)
    return Description(features, float(_spread(layers[-1]) / probe.spread.clamp(min=TINY)))


def _describe_layer(
    network: MLPWeights, layer: int, sums: Sequence[Tensor], layers: Sequence[Tensor]
) -> dict[str, Array]:
    pairs = [pair for pair in zip(network.spec.connections, network.weights, strict=True) if pair[0].target == layer]
    by_layer = [weight * layers[c.source].std(0) for c, weight in pairs]  # of each source layer [neuron, source]
    read = torch.cat(by_layer, 1)
    effect, slope = _effects(network, layer, layers)
    share = _shares(effect)
    power = read.square()
    whole = power.sum(1).clamp(min=TINY)
    neurons = {
        "participation": _participation(power, 1),
        "strongest": power.amax(1) / whole,
        "one_sided": sum(part.sum(1).abs() for part in by_layer) / read.abs().sum(1).clamp(min=TINY),
        "nonlinearity": _nonlinearity(sums[layer], layers[layer]),
    }
    described = {name: _deciles(value, share) for name, value in neurons.items()}
    served = share[:, None] * power / whole[:, None]
    described |= _describe_sources(served, (read * slope[:, None]).sign())
    minority = min(float(share[slope > 0].sum()), float(share[slope < 0].sum()))
    rows = share.sqrt()[:, None] * read / whole.sqrt()[:, None]
    described["whole"] = np.array([minority, float(_participation(share[None], 1)), _rank(rows)])
    return described


def _effects(network: MLPWeights, layer: int, layers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """How far each neuron moves the output, and the slope of the output that it moves most: two [neuron].

    The neurons of layer 0 are the inputs.
    """
    values = layers[layer]
    count = values.shape[1]
    at_once = max(1, MAX_NUMBERS // values.numel())
    moved: list[Tensor] = []
    for first in range(0, count, at_once):
        chosen = torch.arange(first, min(first + at_once, count))
        still = values.repeat(len(chosen), 1, 1)
        still[torch.arange(len(chosen)), :, chosen] = values[:, chosen].mean(0)[:, None]
        inputs, held = (layers[0], {layer: still}) if layer else (still, None)
        moved.append(layers[-1] - network.layers(inputs, held).values[-1])
    change = torch.cat(moved)  # [neuron, probe, output]
    centred = (values - values.mean(0)).mT[..., None]
    slopes = (change * centred).mean(1) / centred.square().mean(1).clamp(min=TINY)
    largest = change.square().mean(1).argmax(1, keepdim=True)
    return change.square().mean((1, 2)).sqrt(), slopes.gather(1, largest)[:, 0]


def _describe_sources(served: Tensor, signs: Tensor) -> dict[str, Array]:
    """Who serves each source, with a positive and with a negative effect: the order of the two signs does not count."""
    both = torch.stack([served * (signs > 0), served * (signs < 0)])  # [sign, neuron, source]
    servers = _participation(both, 1).sort(0).values
    strongest = both.amax(1).sort(0).values
    values = {
        "fewer_servers": servers[0],
        "more_servers": servers[1],
        "weaker_server": strongest[0] / strongest[1].clamp(min=TINY),
    }
    weights = torch.full_like(servers[0], 1 / served.shape[1])
    return {name: _deciles(value, weights) for name, value in values.items()}


def _describe_function(network: MLPWeights, probe: Probe, outputs: Tensor) -> Array:
    """How linear the network is, and how it takes shuffled and negated inputs: from 0 to 1, as all features are."""
    columns = torch.cat([probe.inputs, torch.ones_like(probe.inputs[:, :1])], 1)
    fitted = columns @ torch.linalg.lstsq(columns, outputs, driver="gelsd").solution
    left, whole = (outputs - fitted).square().sum(), (outputs - outputs.mean(0)).square().sum()
    linear = 1 - float(left / whole.clamp(min=TINY))
    turned = [_correlation(outputs, network(other)) for other in (probe.shuffled, -probe.inputs)]
    return np.array([linear, *((1 + correlation) / 2 for correlation in turned)])


def _describe_inputs(network: MLPWeights, layers: Sequence[Tensor]) -> Array:
    """How much the output depends on each input; networks that read different inputs are 1 apart (Hellinger 1909)."""
    shares = _shares(_effects(network, 0, layers)[0])
    return (shares * len(shares) / 2).sqrt().numpy()  # `vector` divides by the root of their number


def _spread(values: Tensor) -> Tensor:
    return values.var(0).mean().sqrt()


def _shares(effect: Tensor) -> Tensor:
    total = effect.sum()
    return effect / total if total > TINY else torch.full_like(effect, 1 / len(effect))


def _participation(power: Tensor, axis: int) -> Tensor:
    """How many of the non-negative numbers along an axis matter: 0 for one, 1 for all alike, on a logarithmic scale."""
    count = power.shape[axis]
    ratio = power.sum(axis).square() / power.square().sum(axis).clamp(min=TINY**2)
    return ratio.clamp(min=1).log() / max(float(np.log(count)), TINY)


def _nonlinearity(sums: Tensor, values: Tensor) -> Tensor:
    """0 where a neuron is a line of its sum; [probe, neuron] -> [neuron]"""
    x, y = sums - sums.mean(0), values - values.mean(0)
    explained = (x * y).sum(0).square() / (x.square().sum(0) * y.square().sum(0)).clamp(min=TINY**2)
    return (2 * (1 - explained).clamp(min=0).sqrt()).clamp(max=1)


def _rank(rows: Tensor) -> float:
    """The effective rank, from 0 for one direction to 1 for all alike."""
    squares = torch.linalg.svdvals(rows).square()
    parts = (squares / squares.sum().clamp(min=TINY)).clamp(min=TINY)
    return float(-(parts * parts.log()).sum() / max(float(np.log(len(parts))), TINY))


def _correlation(first: Tensor, second: Tensor) -> float:
    x, y = first - first.mean(0), second - second.mean(0)
    return float((x * y).sum() / (x.square().sum() * y.square().sum()).clamp(min=TINY**2).sqrt())


def _deciles(values: Tensor, weights: Tensor) -> Array:
    """The mean of each tenth of the weight, in the order of the values: ties and rounding change nothing."""
    order = values.argsort()
    heavy, sizes = (values * weights)[order].cumsum(0), weights[order].cumsum(0)
    at = np.linspace(0, float(sizes[-1]), DECILES + 1)
    return np.diff(np.interp(at, np.r_[0, sizes.numpy()], np.r_[0, heavy.numpy()])) * DECILES
