"""Whether the same weights in random places would be as short a program: then it says nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hypergraph.programs.bits import layer_bits
from hypergraph.programs.graph import Pair
from hypergraph.programs.program import Program
from hypergraph.rng import stream

SHUFFLES = 8
"""Programs with shuffled places that are compared."""
SHARE = 0.75
"""A structure says something of its network if it takes less than this share of the shortest shuffled one."""


def is_chance(program: Program, sizes: Sequence[int]) -> bool:
    """Whether the places of the weights of hidden neurons, in layers of these sizes, might as well be random.

    A program that treats all neurons of a layer alike has no places, so that none is due to chance.
    """
    hidden = {pair: weight for pair, weight in program.weights.items() if pair[1] < len(program.biases)}
    if all(bool((weight == weight.flatten()[:1]).all()) for weight in hidden.values() if weight.numel()):
        return False
    rng = stream("explain", "chance")
    shuffled = [_bits(_shuffled(program, hidden, sizes, rng)) for _ in range(SHUFFLES)]
    return _bits(program) >= SHARE * min(shuffled)


def _bits(program: Program) -> float:
    """The bits of the structure of all hidden layers."""
    return sum(layer_bits(program, layer, {}) for layer in range(1, len(program.biases)))


def _shuffled(program: Program, hidden: dict[Pair, Tensor], sizes: Sequence[int], rng: torch.Generator) -> Program:
    """The program with hidden references in random places of whole layers; its roles are neurons alike up to order.

    Neurons that then read nothing count as none.
    """
    weights, biases = dict(program.weights), list(program.biases)
    roles = [program.roles[0]]
    for target in range(1, len(biases)):
        blocks = {}
        for pair, weight in hidden.items():
            if pair[1] == target:
                full = torch.zeros(sizes[target] * weight.shape[1], dtype=torch.long)
                full[: weight.numel()] = weight.flatten()
                blocks[pair] = full[torch.randperm(len(full), generator=rng)].reshape(-1, weight.shape[1])
        reads = torch.cat([block for _, block in sorted(blocks.items())], 1).any(1)
        weights |= {pair: block[reads] for pair, block in blocks.items()}
        patterns = torch.cat([block[reads].sort(1).values for _, block in sorted(blocks.items())], 1)
        roles.append(patterns.unique(dim=0, return_inverse=True)[1])
        biases[target - 1] = program.biases[target - 1][:1].expand(len(patterns))
    return replace(program, weights=weights, biases=biases, roles=[*roles, program.roles[-1]])
