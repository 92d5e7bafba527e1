"""How well two labellings of the same networks agree, and how stable families are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from scipy.special import comb

from hypergraph.discovery.families import Families, find_families
from hypergraph.discovery.features import Array

REPEATS = 3
"""Times that the members are divided into thirds, each of which is left out once."""


def adjusted_rand(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """The adjusted Rand index of Hubert and Arabie (1985): 1 for the same groups, about 0 for unrelated ones."""
    table = _counts(one, other)
    both, first, second = (comb(counts, 2).sum() for counts in (table, table.sum(1), table.sum(0)))
    expected, largest = first * second / max(comb(len(one), 2), 1), (first + second) / 2
    return 1.0 if largest == expected else float((both - expected) / (largest - expected))


def homogeneity(labels: Sequence[Hashable], groups: Sequence[Hashable]) -> float:
    """How far each group has one label: 1 where all have, 0 where the groups say nothing about the labels."""
    table = _counts(labels, groups) / len(labels)
    whole = _entropy(table.sum(1))
    return 1.0 if whole == 0 else float(1 - (_entropy(table.ravel()) - _entropy(table.sum(0))) / whole)


def named_once(groups: Sequence[Hashable], labels: Sequence[Hashable]) -> list[Hashable]:
    """The most frequent label of each network's group: the labels of somebody who looks at each group once.

    Of equally frequent ones it is the last by its name, whatever the order of the networks.
    """
    counts: dict[Hashable, Counter[Hashable]] = {}
    for group, label in zip(groups, labels, strict=True):
        counts.setdefault(group, Counter())[label] += 1
    names = {group: max(found, key=lambda label: (found[label], str(label))) for group, found in counts.items()}
    return [names[group] for group in groups]


def stability(families: Families, members: Sequence[Hashable]) -> float:
    """How well the families agree with those found when a third of the members is left out: the mean index.

    With fewer than three members, a third of the networks is left out.
    """
    owners = list(members) if len(set(members)) > 2 else list(range(len(members)))
    indices = []
    for kept in _without_thirds(owners):
        found = find_families(families.features[kept], families.spread[kept])
        indices.append(adjusted_rand(found.labels, [families.labels[index] for index in kept]))
    return float(np.mean(indices)) if indices else 1.0


def _without_thirds(owners: Sequence[Hashable]) -> Iterator[list[int]]:
    rng, names = np.random.default_rng(0), list(dict.fromkeys(owners))
    for _ in range(REPEATS):
        for left_out in np.array_split(rng.permutation(len(names)), min(3, len(names))):
            out = {names[index] for index in left_out}
            if kept := [index for index, owner in enumerate(owners) if owner not in out]:
                yield kept


def _counts(one: Sequence[Hashable], other: Sequence[Hashable]) -> Array:
    rows, columns = ({label: index for index, label in enumerate(dict.fromkeys(labels))} for labels in (one, other))
    table = np.zeros((len(rows), len(columns)))
    for pair in zip(one, other, strict=True):
        table[rows[pair[0]], columns[pair[1]]] += 1
    return table


def _entropy(shares: Array) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())
