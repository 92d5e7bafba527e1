"""Group the neurons of a layer into roles: neurons that differ only in the sources that they prefer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hypergraph.programs.bits import own_sources
from hypergraph.programs.graph import Graph
from hypergraph.programs.levels import Floats, segment
from hypergraph.programs.program import Program, members_of

MOST_ROLES = 6
"""Most roles of one layer."""
TINY = 1e-12
"""Sizes below this count as zero."""


def ward(points: Floats, masses: Floats, allowed: float, most: int = MOST_ROLES) -> list[int]:
    """Merge the two groups of points whose merger costs least variance, until the next costs more than is allowed.

    Args:
        points: [point, feature].
        masses: of the points, which sum to 1.
        allowed: variance within groups.
        most: groups; there are no more, even if more variance is within them.
    """
    groups = [[n] for n in range(len(points))]
    centres, masses, spent = points.copy(), np.maximum(masses, 1e-12), 0.0
    squared = np.square(centres[:, None] - centres[None]).sum(-1) if len(points) else np.zeros((0, 0))
    costs = masses[:, None] * masses[None] / (masses[:, None] + masses[None]) * squared
    np.fill_diagonal(costs, np.inf)
    alive = len(groups)
    while alive > 1:
        a, b = divmod(int(costs.argmin()), len(points))
        if alive <= most and spent + costs[a, b] > allowed:
            break
        spent, alive = spent + costs[a, b], alive - 1
        centres[a] = (masses[a] * centres[a] + masses[b] * centres[b]) / (masses[a] + masses[b])
        masses[a] += masses[b]
        groups[a], groups[b] = groups[a] + groups[b], []
        gone = np.array([not group for group in groups])
        row = masses[a] * masses / (masses[a] + masses) * np.square(centres - centres[a]).sum(-1)
        row[gone] = row[a] = np.inf
        costs[a], costs[:, a], costs[b], costs[:, b] = row, row, np.inf, np.inf
    return _numbered([group for group in groups if group], len(points))


def _numbered(groups: list[list[int]], count: int) -> list[int]:
    labels = [0] * count
    for number, group in enumerate(sorted(groups, key=min)):
        for point in group:
            labels[point] = number
    return labels


def tie(graph: Graph, layers: Sequence[Tensor], effects: Sequence[Tensor], roles: float, levels: float) -> Program:
    """Tie the weights of a graph by roles and levels.

    Args:
        graph: what is tied.
        layers: its activations.
        effects: of its hidden neurons, by layer.
        roles: variance within roles that is allowed, relative to the size of the weights.
        levels: the same within levels.
    """
    spreads = [(layer - layer.mean(0)).square().mean(0).sqrt().clamp(min=TINY) for layer in layers]
    tying = _Tying(graph, spreads)
    for target in range(1, graph.last + 1):
        mass = effects[target - 1] if target < graph.last else torch.ones(graph.sizes[-1], dtype=torch.float64)
        tying.tie_layer(target, mass / mass.sum().clamp(min=TINY), roles, levels)
    numbers = torch.tensor(tying.numbers, dtype=torch.float64)
    return Program(graph.activations, tying.weights, tying.biases, tying.roles, numbers).rewritten({}, numbers)


def without_rivals(program: Program, effects: Sequence[Tensor]) -> list[Tensor]:
    """Which neurons to keep, by hidden layer, so that each source is preferred by one neuron of a role at most.

    Of several that prefer the same source, the one with the greatest effect is kept.
    """
    keep = [torch.ones(len(effect), dtype=torch.bool) for effect in effects]
    for layer, effect in enumerate(effects, 1):
        for members in program.members(layer):
            for source, group in program.groups(layer):
                own = own_sources(program.weights[source, layer][members][:, group]) or []
                for position in {one for one in own if own.count(one) > 1}:
                    rivals = members[torch.tensor(own) == position]
                    keep[layer - 1][rivals] = rivals == rivals[effect[rivals].argmax()]
    return keep


class _Tying:
    """References of the layers that are tied already."""

    def __init__(self, graph: Graph, spreads: Sequence[Tensor]) -> None:
        self._graph, self._spreads = graph, spreads
        self.weights = {pair: torch.zeros(weight.shape, dtype=torch.long) for pair, weight in graph.weights.items()}
        self.biases = [torch.zeros(len(bias), dtype=torch.long) for bias in graph.biases]
        self.roles = [torch.zeros(graph.sizes[0], dtype=torch.long)]
        self.numbers: list[float] = []

    def tie_layer(self, target: int, mass: Tensor, roles: float, levels: float) -> None:
        """Find the roles and levels of a layer whose neurons have a mass each."""
        sources = self._graph.sources(target)
        groups = [(source, members) for source in sources for members in members_of(self.roles[source])]
        incoming = [
            (self._graph.weights[source, target][:, group] * self._spreads[source][group]).sort(1).values
            for source, group in groups
        ]
        features = _features(self._graph, incoming, target, mass)
        self.roles.append(torch.tensor(ward(features.numpy(), mass.numpy(), roles), dtype=torch.long))
        for members in members_of(self.roles[-1]):
            share = mass[members] / mass[members].sum().clamp(min=TINY)
            energy = sum(float((share @ block[members].square()).sum()) for block in incoming)
            for (source, group), block in zip(groups, incoming, strict=True):
                weight = self._graph.weights[source, target][members][:, group]
                labels, means = _levels(weight, block[members], share, levels * energy)
                labels[labels > 0] += len(self.numbers)
                self.weights[source, target][members[:, None], group] = labels
                self.numbers += means
            self.numbers.append(float(share @ self._graph.biases[target - 1][members]))
            self.biases[target - 1][members] = len(self.numbers)


def _features(graph: Graph, incoming: Sequence[Tensor], target: int, mass: Tensor) -> Tensor:
    """What the roles of a layer are found by, free of the order of neurons in every layer: [neuron, feature]."""
    blocks = [torch.cat([*incoming, graph.biases[target - 1][:, None]], 1)]
    if target < graph.last:
        blocks.append(torch.cat([graph.weights[target, end].mT.sort(1).values for end in graph.targets(target)], 1))
    return torch.cat([block / (mass @ block.square()).sum().sqrt().clamp(min=TINY) for block in blocks], 1)


def _levels(weight: Tensor, block: Tensor, share: Tensor, allowed: float) -> tuple[Tensor, list[float]]:
    """Levels of a role's weights from one group: the number of each weight's level, 0 for zero, and the levels."""
    ordered, ranks = weight.sort(1)
    labels, _ = segment((share @ block).numpy(), allowed)
    found = torch.zeros_like(ranks).scatter_(1, ranks, torch.from_numpy(labels).expand_as(ranks))
    means = share @ ordered
    return found, [float(means[labels == number].mean()) for number in range(1, int(labels.max(initial=0)) + 1)]
