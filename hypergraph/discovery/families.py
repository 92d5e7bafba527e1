"""Group networks into families: average linkage, cut where branches are long, and the rule for one more network.

A branch of the tree is a family if it stays alone for long: it merges with the next large branch at a distance many
times that within it. Each branch weighs its networks times the logarithm of that ratio, and the families are the
disjoint branches that weigh most together (the excess of mass of Müller and Sawitzki, on a tree of average linkage).
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist

from hypergraph.discovery.features import Array
from hypergraph.interfaces import UNKNOWN

NEAR, FAR = 0.25, 0.75
"""Distances below the first never separate families, those above the second always do."""
SMALLEST, FEWEST = 0.05, 3
"""The smallest share of the networks, and the smallest number, that is a family."""
CONSTANT_SPREAD = 0.05
"""A network is constant if its output spreads less than this, relative to the targets; torch's initial ones do more."""
CONSTANT, BORDER = "constant", "border"
"""The labels of networks without a family."""

Branch: TypeAlias = "str | tuple[float, Branch, Branch]"
"""The name of a family, or the distance between two branches and these."""


@dataclass(frozen=True)
class Core:
    """The networks that define a family, and the mean distance to them within which others belong to it.

    The reach is the distance at which it merges with the next, and at most FAR.
    """

    name: str
    networks: Array
    reach: float


@dataclass(frozen=True)
class Families:
    """The families of some networks.

    Attributes:
        features: one row per network.
        spread: that of each network's output, relative to the targets'.
        cores: what defines each family, the largest first.
        tree: the linkage of the networks that are not constant, as scipy has it.
        leaves: which networks the leaves of the tree are.
    """

    features: Array
    spread: Array
    cores: tuple[Core, ...]
    tree: Array
    leaves: Array

    @cached_property
    def labels(self) -> list[str]:
        """The label of each network."""
        return self.classify(self.relative_distances(self.features), self.spread)

    def relative_distances(self, features: Array) -> Array:
        """The mean distances of networks to each family, relative to its reach: [network, family]."""
        columns = [cdist(features, self.features[core.networks]).mean(1) / core.reach for core in self.cores]
        return np.stack(columns, 1) if columns else np.zeros((len(features), 0))

    def classify(self, distances: Array, spread: Array) -> list[str]:
        """The nearest family within reach, "constant" or "border"; unknown for networks that are not finite."""
        return [self._label(*network) for network in zip(distances, spread, strict=True)]

    def _label(self, distances: Array, spread: float) -> str:
        if not np.isfinite(spread):
            return UNKNOWN
        if spread < CONSTANT_SPREAD:
            return CONSTANT
        if not len(distances) or distances.min() > 1:
            return BORDER
        return self.cores[int(distances.argmin())].name

    @property
    def branches(self) -> Branch | None:
        """The tree of the families; None without families."""
        names = {network: core.name for core in self.cores for network in core.networks.tolist()}
        parts: list[Branch | None] = [names.get(leaf) for leaf in self.leaves.tolist()]
        for left, right, height, _ in self.tree:
            parts.append(_joined(parts[int(left)], parts[int(right)], float(height)))
        return parts[-1] if parts else None

    def exemplar(self, name: str) -> int:
        """The medoid of a family: the network that is nearest to all others of it."""
        members = np.array([index for index, label in enumerate(self.labels) if label == name])
        within = cdist(self.features[members], self.features[members])
        return int(members[within.sum(1).argmin()])


def _joined(left: Branch | None, right: Branch | None, height: float) -> Branch | None:
    if left is None or right is None or left == right:
        return right if left is None else left
    return height, left, right


def confidence(distances: Array, spread: float) -> float:
    """How much nearer a network is to its own label than to the next: from 0 to 1, NaN where it is not finite."""
    if spread < CONSTANT_SPREAD:
        return float(1 - spread / CONSTANT_SPREAD)
    nearest, following = np.sort([*distances, 1.0, np.inf])[:2]  # the border begins at 1
    return float(1 - nearest / following) if np.isfinite(spread) else np.nan


def find_families(features: Array, spread: Array) -> Families:
    """Group networks, given their features [network, feature] and the spreads of their outputs."""
    leaves = np.flatnonzero(spread >= CONSTANT_SPREAD)
    tree = linkage(features[leaves], "average") if len(leaves) > 1 else np.zeros((0, 4))
    branches = list(_families_of(tree)) if len(leaves) > 1 else [(leaf, FAR) for leaf in leaves[:, None]]
    branches.sort(key=lambda branch: (-len(branch[0]), int(branch[0].min())))
    cores = tuple(Core(name, leaves[rows], reach) for name, (rows, reach) in zip(_names(), branches, strict=False))
    return Families(features, spread, cores, tree, leaves)


def _names() -> Iterator[str]:
    """Family A to family Z, family AA and so on."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            yield f"family {''.join(letters)}"


def _families_of(tree: Array) -> Iterator[tuple[Array, float]]:
    """The leaves and the reach of each branch of a tree that is a family."""
    leaves = len(tree) + 1
    inner, size = np.concatenate([np.zeros((2, leaves)), tree[:, 2:].T], 1)
    size[:leaves] = 1
    smallest = max(min(FEWEST, leaves), SMALLEST * leaves)
    inner, outer = inner.clip(NEAR, FAR), _outer(tree, size >= smallest).clip(NEAR, FAR)
    weight = np.where(size >= smallest, size * np.log(outer / inner), 0)
    for node in _heaviest(tree, weight):
        yield _leaves_below(tree, node), float(outer[node])


def _outer(tree: Array, large: Array) -> Array:
    """The distance at which each branch merges with a large one: a few networks beside it change nothing."""
    leaves = len(tree) + 1
    outer = np.full(2 * leaves - 1, np.inf)
    for node in range(2 * leaves - 2, leaves - 1, -1):
        left, right = tree[node - leaves, :2].astype(int)
        for branch, other in ((left, right), (right, left)):
            outer[branch] = tree[node - leaves, 2] if large[other] else outer[node]
    return outer


def _heaviest(tree: Array, weight: Array) -> list[int]:
    """The disjoint branches that weigh most together; of equal ones, the larger branch."""
    leaves = len(tree) + 1
    best: list[tuple[float, list[int]]] = [(0.0, [])] * leaves
    for node, (left, right) in enumerate(tree[:, :2].astype(int), leaves):
        total, nodes = best[left][0] + best[right][0], best[left][1] + best[right][1]
        best.append((total, nodes) if total > weight[node] else (float(weight[node]), [node] if weight[node] else []))
    return best[-1][1]


def _leaves_below(tree: Array, node: int) -> Array:
    leaves = len(tree) + 1
    stack, found = [node], []
    while stack:
        node = stack.pop()
        if node < leaves:
            found.append(node)
        else:
            stack += tree[node - leaves, :2].astype(int).tolist()
    return np.sort(found)
