"""Give a role that takes nearly each source once the neurons that it lacks, from those that were folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.programs.bits import own_sources
from hypergraph.programs.fold import Folded, Response, refold
from hypergraph.programs.graph import Graph
from hypergraph.programs.program import Program

NEARLY = 0.75
"""Share of the sources from which a role nearly takes each once."""

FEW = 2
"""Of this many sources, either may be the one that a neuron prefers."""


class Lack(NamedTuple):
    """A source that no neuron of a role prefers."""

    layer: int
    model: int
    """A neuron of the role."""
    own: int
    """The source that this neuron prefers."""
    source: int
    missing: int


def complete(program: Program, folded: Folded, graph: Graph, response: Response) -> tuple[Program, Folded] | None:
    """The program with roles that take each source once, and its neurons; None where nothing is lacking or found."""
    found = None
    for _ in range(program.roles[0].numel()):  # a new neuron may be lacking in the next layer in turn
        lack = next(_lacks(program), None)
        if lack is None:
            break
        neuron = _substitute(program, folded, graph, response, lack)
        if neuron is None:
            return None
        program = _inserted(program, lack, int((folded.kept[lack.layer - 1] < neuron).sum()))
        fates = {other: fate for other, fate in folded.fates.items() if other != (lack.layer, neuron)}
        folded = refold(graph, response, fates)
        found = program, folded
    return found


def _lacks(program: Program) -> Iterator[Lack]:
    for layer in range(1, len(program.biases)):
        for members in program.members(layer):
            for source, group in program.groups(layer):
                own = own_sources(program.weights[source, layer][members][:, group])
                if (
                    own is not None
                    and len(group) > FEW
                    and NEARLY * len(group) <= len(set(own)) == len(own) < len(group)
                ):
                    missing = int(group[min(set(range(len(group))) - set(own))])
                    yield Lack(layer, int(members[0]), int(group[own[0]]), source, missing)


def _substitute(program: Program, folded: Folded, graph: Graph, response: Response, lack: Lack) -> int | None:
    """The folded neuron that does most of what is lacking."""
    gone = [n for layer, n in folded.fates if layer == lack.layer]
    pair = lack.source, lack.layer
    if not gone or pair not in graph.weights:
        return None
    before = lack.missing if lack.source == 0 else int(folded.kept[lack.source - 1][lack.missing])
    sign = int(program.graph().weights[pair][lack.model, lack.own].sign())
    fitness = sign * graph.weights[pair][gone, before] * response.effects[lack.layer - 1][gone]
    return gone[int(fitness.argmax())] if float(fitness.max()) > 0 else None


def _inserted(program: Program, lack: Lack, place: int) -> Program:
    """The program with a neuron like the role's, which prefers the missing source."""
    layer, weights, biases, roles = lack.layer, dict(program.weights), list(program.biases), list(program.roles)
    for (source, target), references in program.weights.items():
        if target == layer:
            row = references[lack.model].clone()
            if source == lack.source:
                row[[lack.own, lack.missing]] = row[[lack.missing, lack.own]]
            weights[source, target] = _insert(references, row, place)
        elif source == layer:
            weights[source, target] = _insert(references.mT, references[:, lack.model], place).mT
    biases[layer - 1] = _insert(biases[layer - 1], biases[layer - 1][lack.model], place)
    roles[layer] = _insert(roles[layer], roles[layer][lack.model], place)
    return replace(program, weights=weights, biases=biases, roles=roles)


def _insert(rows: Tensor, row: Tensor, place: int) -> Tensor:
    return torch.cat([rows[:place], row[None], rows[place:]])
