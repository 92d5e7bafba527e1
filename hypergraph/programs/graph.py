"""A network as weights between any two layers, so that neurons can be folded into skips and biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, activation

Pair = tuple[int, int]


@dataclass(frozen=True)
class Graph:
    """Weights in float64 between layers that need not follow each other.

    Attributes:
        activation: of every hidden layer.
        weights: by (source, target) layer, [target, source].
        biases: of every layer after the input.
    """

    activation: str
    weights: Mapping[Pair, Tensor]
    biases: Sequence[Tensor]

    @classmethod
    def of(cls, network: MLPWeights) -> Graph:
        """The graph of one network. Raises SpecError where its hidden layers have different activations."""
        pairs = [(connection.source, connection.target) for connection in network.spec.connections]
        weights = {pair: weight.detach().double() for pair, weight in zip(pairs, network.weights, strict=True)}
        zeros = [torch.zeros(size, dtype=torch.float64) for size in network.spec.sizes[1:]]
        return cls(one_activation(network.spec), weights, [bias.detach().double() for bias in network.biases] or zeros)

    @property
    def last(self) -> int:
        """The number of the output layer."""
        return len(self.biases)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons per layer."""
        return next(w.shape[1] for (source, _), w in self.weights.items() if source == 0), *map(len, self.biases)

    def sources(self, target: int) -> list[int]:
        """The layers that a layer reads, in order."""
        return sorted(source for source, end in self.weights if end == target)

    def targets(self, source: int) -> list[int]:
        """The layers that read a layer, in order."""
        return sorted(target for start, target in self.weights if start == source)

    def sums(self, layers: Sequence[Tensor], target: int) -> Tensor:
        """What a layer's neurons receive, [batch, neuron]."""
        total = self.biases[target - 1].expand(len(layers[0]), -1)
        for source in self.sources(target):
            total = total + layers[source] @ self.weights[source, target].mT
        return total

    def layers(self, inputs: Tensor) -> list[Tensor]:
        """The activations of every layer: the inputs first, the outputs last."""
        sigma, layers = activation(self.activation), [inputs]
        for target in range(1, self.last + 1):
            sums = self.sums(layers, target)
            layers.append(sums if target == self.last else sigma(sums))
        return layers

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)[-1]


def one_activation(spec: MLPSpec) -> str:
    """The activation of all hidden layers. Raises SpecError where they differ."""
    if len(names := set(spec.activations)) > 1:
        raise SpecError(f"a program is written for networks of one activation; {spec} has {', '.join(sorted(names))}")
    return next(iter(names), "identity")


def fidelity(outputs: Tensor, approximation: Tensor) -> float:
    """R² of an approximation, over all outputs together: [batch, output]."""
    return 1 - float(unexplained(outputs, approximation))


def unexplained(outputs: Tensor, approximation: Tensor) -> Tensor:
    """The share of the outputs' variance that an approximation misses."""
    spread = (outputs - outputs.mean(0)).square().sum()
    return (outputs - approximation).square().sum() / spread.clamp(min=torch.finfo(spread.dtype).tiny)
