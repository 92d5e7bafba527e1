"""A network as weights between any two layers, so that neurons can be folded into skips and biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph.weights import Layers, MLPWeights, run_layers

Pair = tuple[int, int]


@dataclass(frozen=True)
class Graph:
    """Weights in float64 between layers that need not follow each other.

    Attributes:
        activations: of the hidden layers.
        weights: by (source, target) layer, [target, source].
        biases: of every layer after the input.
    """

    activations: Sequence[str]
    weights: Mapping[Pair, Tensor]
    biases: Sequence[Tensor]

    @classmethod
    def of(cls, network: MLPWeights) -> Graph:
        """The graph of one network."""
        pairs = [(connection.source, connection.target) for connection in network.spec.connections]
        weights = {pair: weight.detach().double() for pair, weight in zip(pairs, network.weights, strict=True)}
        zeros = [torch.zeros(size, dtype=torch.float64) for size in network.spec.sizes[1:]]
        biases = [bias.detach().double() for bias in network.biases] or zeros
        return cls(network.spec.activations, weights, biases)

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

    def layers(self, inputs: Tensor) -> Layers:
        """What every layer receives and gives."""
        incoming = [
            [(source, self.weights[source, target]) for source in self.sources(target)]
            for target in range(1, self.last + 1)
        ]
        return run_layers(inputs, incoming, self.biases, self.activations)

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs).values[-1]


def fidelity(outputs: Tensor, approximation: Tensor) -> float:
    """R² of an approximation, over all outputs together: [batch, output]."""
    return 1 - float(unexplained(outputs, approximation))


def unexplained(outputs: Tensor, approximation: Tensor) -> Tensor:
    """The share of the outputs' variance that an approximation misses."""
    spread = (outputs - outputs.mean(0)).square().sum()
    return (outputs - approximation).square().sum() / spread.clamp(min=torch.finfo(spread.dtype).tiny)
