"""A program as data: a network whose weights and biases are references to a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from hypergraph.programs.graph import Graph, Pair


@dataclass(frozen=True)
class Program:
    """A network with tied numbers.

    A reference is 0 for zero, k for the k-th number, and -k for its negative.

    Attributes:
        activations: of the hidden layers.
        weights: references by (source, target) layer, [target, source].
        biases: references of every layer after the input.
        roles: the role of every neuron, by layer; the neurons of a role differ only in the sources that they prefer.
        numbers: what the references mean.
        digits: significant digits of each number.
    """

    activations: Sequence[str]
    weights: Mapping[Pair, Tensor]
    biases: Sequence[Tensor]
    roles: Sequence[Tensor]
    numbers: Tensor
    digits: int = 15

    def graph(self, numbers: Tensor | None = None) -> Graph:
        """The network, with these numbers or its own."""
        values = self.numbers if numbers is None else numbers

        def look_up(references: Tensor) -> Tensor:
            if not len(values):
                return torch.zeros(references.shape, dtype=torch.float64)
            return values[references.abs().clamp(min=1) - 1] * references.sign()

        weights = {pair: look_up(references) for pair, references in self.weights.items()}
        return Graph(self.activations, weights, [look_up(references) for references in self.biases])

    @cached_property
    def key(self) -> tuple[bytes, ...]:
        """The same for programs of the same structure."""
        tensors = (*self.weights.values(), *self.biases)
        return tuple(str(tuple(tensor.shape)).encode() + tensor.numpy().tobytes() for tensor in tensors)

    def members(self, layer: int) -> list[Tensor]:
        """The neurons of each role of a layer."""
        return members_of(self.roles[layer])

    def groups(self, target: int) -> list[tuple[int, Tensor]]:
        """The roles that a layer reads: source layers, and the neurons of each role."""
        sources = sorted(source for source, end in self.weights if end == target)
        return [(source, members) for source in sources for members in self.members(source)]

    @cached_property
    def used(self) -> list[int]:
        """The references of the numbers that the program uses."""
        every = torch.cat([tensor.flatten() for tensor in (*self.weights.values(), *self.biases)])
        return [int(reference) for reference in every.abs().unique() if reference]

    def without_idle(self) -> tuple[Program, list[Tensor]]:
        """The program without hidden neurons that read or send nothing, and which are left, by hidden layer.

        The roles that are left are numbered from 0.
        """
        last = len(self.biases)
        keep = [torch.ones(len(labels), dtype=torch.bool) for labels in self.roles]
        for layer in range(1, last):
            reads = [tensor.ne(0).any(1) for (_, target), tensor in self.weights.items() if target == layer]
            sends = [tensor.ne(0).any(0) for (source, _), tensor in self.weights.items() if source == layer]
            keep[layer] = torch.stack(reads).any(0) & torch.stack(sends).any(0)
        weights = {(s, t): tensor[keep[t]][:, keep[s]] for (s, t), tensor in self.weights.items()}
        biases = [bias[kept] for bias, kept in zip(self.biases, keep[1:], strict=True)]
        roles = [labels[kept].unique(return_inverse=True)[1] for labels, kept in zip(self.roles, keep, strict=True)]
        program = replace(self, weights=weights, biases=biases, roles=roles)
        return program.rewritten({}, self.numbers), keep[1:-1]

    @cached_property
    def places(self) -> dict[int, set[Pair]]:
        """Where each number is used: between which layers, or as a bias of a layer, (layer, layer)."""
        tensors = {**self.weights, **{(n, n): bias for n, bias in enumerate(self.biases, 1)}}
        found = {pair: set(tensor.abs().unique().tolist()) for pair, tensor in tensors.items()}
        return {number: {pair for pair, numbers in found.items() if number in numbers} for number in self.used}

    def rewritten(self, meaning: Mapping[int, int], numbers: Tensor) -> Program:
        """The program after references change their meaning, without the numbers that are not used any more."""
        table = torch.zeros(len(self.numbers) + 1, dtype=torch.long)
        for old in range(1, len(table)):
            table[old] = meaning.get(old, old)
        changed = self._mapped(lambda tensor: table[tensor.abs()] * tensor.sign())
        order = torch.zeros(len(self.numbers) + 1, dtype=torch.long)
        order[changed.used] = torch.arange(1, len(changed.used) + 1)
        compact = changed._mapped(lambda tensor: order[tensor.abs()] * tensor.sign())
        return replace(compact, numbers=numbers[[reference - 1 for reference in changed.used]])

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Program:
        weights = {pair: change(references) for pair, references in self.weights.items()}
        return replace(self, weights=weights, biases=[change(references) for references in self.biases])


def members_of(labels: Tensor) -> list[Tensor]:
    """The positions of each label."""
    return [(labels == label).nonzero().flatten() for label in labels.unique()]
