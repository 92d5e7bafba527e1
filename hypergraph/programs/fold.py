"""Fold neurons away: into constants that biases take, and into lines that skips take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hypergraph.programs.graph import Graph, Pair, unexplained
from hypergraph.rng import stream

PROBES = 8
"""Random directions of the outputs in which effects are measured, where there are more outputs."""

Fate = Literal["constant", "line"]
Neuron = tuple[int, int]
"""Layer and number."""


@dataclass(frozen=True)
class Folded:
    """A graph of the neurons that are left.

    Attributes:
        graph: what is left.
        kept: the numbers of the neurons that are left, for each hidden layer.
        fates: what became of the others.
    """

    graph: Graph
    kept: Sequence[Tensor]
    fates: dict[Neuron, Fate]

    def without(self, keep: Sequence[Tensor]) -> Folded:
        """Only some of the neurons that are left, by hidden layer; the others count as constant."""
        fates = dict(self.fates)
        for layer, (kept, mask) in enumerate(zip(self.kept, keep, strict=True), 1):
            fates |= {(layer, neuron): "constant" for neuron in kept[~mask].tolist()}
        masks = [torch.ones(self.graph.sizes[0], dtype=torch.bool), *keep]
        masks.append(torch.ones(self.graph.sizes[-1], dtype=torch.bool))
        weights = {(s, t): weight[masks[t]][:, masks[s]] for (s, t), weight in self.graph.weights.items()}
        biases = [bias[mask] for bias, mask in zip(self.graph.biases, masks[1:], strict=True)]
        left = [numbers[mask] for numbers, mask in zip(self.kept, keep, strict=True)]
        return Folded(Graph(self.graph.activations, weights, biases), left, fates)


@dataclass(frozen=True)
class Response:
    """What every hidden neuron does on the inputs, by hidden layer.

    Attributes:
        effects: share of the neurons in the output's variation, each held at its mean: they sum to 1.
        means: mean activation.
        slopes: of the line that fits its activation best, over its sum.
        offsets: of this line.
        misfits: the effect of replacing a neuron by its line.
    """

    effects: list[Tensor]
    means: list[Tensor]
    slopes: list[Tensor]
    offsets: list[Tensor]
    misfits: list[Tensor]


def respond(graph: Graph, inputs: Tensor) -> Response:
    """Measure every hidden neuron on the inputs."""
    layers = graph.layers(inputs)
    gains = _gains(graph, inputs)
    found = Response([], [], [], [], [])
    for number in range(1, graph.last):
        values, sums, gain = layers.values[number], layers.sums[number], gains[number - 1]
        mean, centred = values.mean(0), sums - sums.mean(0)
        slope = (centred * (values - mean)).mean(0) / centred.square().mean(0).clamp(min=1e-12)
        found.effects.append(((values - mean).square() * gain).mean(0))
        found.misfits.append(((values - mean - slope * centred).square() * gain).mean(0))
        found.means.append(mean)
        found.slopes.append(slope)
        found.offsets.append(mean - slope * sums.mean(0))
    total = sum(float(effect.sum()) for effect in found.effects) or 1.0
    found.effects[:] = [effect / total for effect in found.effects]
    return found


def _gains(graph: Graph, inputs: Tensor) -> list[Tensor]:
    """Squared slopes of the outputs over every hidden neuron, by hidden layer: [batch, neuron]."""
    layers = graph.layers(inputs.clone().requires_grad_()).values
    outputs, hidden = layers[-1], layers[1:-1]
    count = outputs.shape[1]
    directions = torch.eye(count, dtype=torch.float64)
    if count > PROBES:
        directions = torch.randn(PROBES, count, generator=stream("probes"), dtype=torch.float64) / PROBES**0.5
    gains = [torch.zeros_like(layer) for layer in hidden]
    for direction in directions:
        if hidden:
            slopes = torch.autograd.grad((outputs @ direction).sum(), hidden, retain_graph=True)
            gains = [gain + slope.square() for gain, slope in zip(gains, slopes, strict=True)]
    return [gain.detach() for gain in gains]


def fold(graph: Graph, response: Response, inputs: Tensor, budget: float) -> Folded:
    """Fold as many neurons as leave at most `budget` of the outputs' variance unexplained: constants, then lines."""
    outputs = graph(inputs)
    everyone = [(layer + 1, n) for layer, effect in enumerate(response.effects) for n in range(len(effect))]

    def miss(fates: dict[Neuron, Fate]) -> float:
        return float(unexplained(outputs, refold(graph, response, fates).graph(inputs)))

    by_effect = sorted(everyone, key=lambda neuron: float(response.effects[neuron[0] - 1][neuron[1]]))
    constants = _most(by_effect, lambda part: miss(dict.fromkeys(part, "constant")) <= budget / 2)
    fates: dict[Neuron, Fate] = dict.fromkeys(constants, "constant")
    left = [neuron for neuron in everyone if neuron not in fates]
    by_misfit = sorted(left, key=lambda neuron: float(response.misfits[neuron[0] - 1][neuron[1]]))
    lines = _most(by_misfit, lambda part: miss({**fates, **dict.fromkeys(part, "line")}) <= budget)
    return refold(graph, response, {**fates, **dict.fromkeys(lines, "line")})


def _most(ordered: list[Neuron], allowed: Callable[[list[Neuron]], bool]) -> list[Neuron]:
    """The longest beginning that is allowed, by bisection."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if allowed(ordered[:middle]) else (low, middle - 1)
    return ordered[:low]


def refold(graph: Graph, response: Response, fates: dict[Neuron, Fate]) -> Folded:
    """The graph without the neurons that have a fate. Layers are folded from the input on."""
    weights, biases = dict(graph.weights), list(graph.biases)
    kept = [torch.arange(size) for size in graph.sizes[1:-1]]
    for layer in range(1, graph.last):
        gone = [n for number, n in fates if number == layer]
        if gone:
            lines = torch.tensor([fates[layer, n] == "line" for n in gone])
            kept[layer - 1] = _fold_layer(weights, biases, response, layer, torch.tensor(gone), lines)
    return Folded(Graph(graph.activations, weights, biases), kept, fates)


def _fold_layer(
    weights: dict[Pair, Tensor], biases: list[Tensor], response: Response, layer: int, gone: Tensor, lines: Tensor
) -> Tensor:
    """Fold neurons of a layer, in place; the numbers of those that are left."""
    at = layer - 1
    slopes = response.slopes[at][gone] * lines
    offsets = torch.where(lines, response.offsets[at][gone] + slopes * biases[at][gone], response.means[at][gone])
    keep = torch.ones(len(biases[at]), dtype=torch.bool)
    keep[gone] = False
    incoming = {source: w for (source, target), w in weights.items() if target == layer}
    for target in [target for source, target in weights if source == layer]:
        outgoing = weights[layer, target][:, gone]
        biases[target - 1] = biases[target - 1] + outgoing @ offsets
        for source, weight in incoming.items() if bool(lines.any()) else ():
            skip = outgoing @ (slopes[:, None] * weight[gone])
            weights[source, target] = weights[source, target] + skip if (source, target) in weights else skip
        weights[layer, target] = weights[layer, target][:, keep]
    for source, weight in incoming.items():
        weights[source, layer] = weight[keep]
    biases[at] = biases[at][keep]
    return keep.nonzero().flatten()
