"""A program for another size, where nothing in it depends on the size.

Roles that take each input once get one neuron per input; other roles keep their neurons. The numbers are then fitted
to the task's own samples at the new size.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.programs.bits import own_sources, program_bits
from hypergraph.programs.explain import FRESH_INPUTS, Explanation, Samples
from hypergraph.programs.fit import descend
from hypergraph.programs.graph import Graph, Pair
from hypergraph.programs.program import Program
from hypergraph.programs.quadratic import Quadratic
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec

INPUTS = 2048
"""Inputs to which the numbers are fitted."""
ITERATIONS = 200
"""Steps of the fit."""
DIGITS = 4
"""Significant digits of the numbers that it finds."""


def resize(found: Explanation, spec: MLPSpec, task: Task) -> Explanation:
    """The explanation's program at another size.

    Raises:
        SpecError: there is no program, it is not free of the size, or the network has no room for it.
    """
    task.check_spec(spec)
    if found.program is None:
        raise SpecError(f"there is no short program to write for {spec}")
    if isinstance(found.program, Quadratic):
        raise SpecError("the program names the inputs that it multiplies: it is written for one size")
    program = _fitted(_resized(found.program, found.spec, spec), spec, task)
    fresh = Samples.draw(spec, task, FRESH_INPUTS, "fresh")
    resized = Explanation(
        spec,
        found.raw_bits,
        kind=found.kind,
        program=program,
        numbers=len(program.used),
        bits=program_bits(program),
        loss_after=fresh.loss and fresh.loss(program.graph()(fresh.inputs)),
        roles=[labels.tolist() for labels in program.roles[1:-1]],
    )
    if (needed := resized.network.spec.sizes) != spec.sizes:
        raise SpecError(f"{spec} has no room for the program, which needs {','.join(map(str, needed))}")
    return resized


def _resized(program: Program, old: MLPSpec, new: MLPSpec) -> Program:
    if not len(old.sizes) == len(new.sizes) == len(program.roles) or old.sizes[-1] != new.sizes[-1]:
        raise SpecError(f"{new} has other layers or outputs than {old}: a program changes only the number of inputs")
    counts = [[new.sizes[0]]]
    for layer in range(1, len(old.sizes)):
        counts.append([_count(program, layer, members, new.sizes[0]) for members in program.members(layer)])
    roles = [torch.tensor([r for r, count in enumerate(row) for _ in range(count)], dtype=torch.long) for row in counts]
    weights = {pair: _block(program, pair, roles) for pair in program.weights}
    biases = [
        torch.tensor([int(program.biases[n][members[0]]) for members in program.members(n + 1)])[labels]
        if len(labels)
        else labels
        for n, labels in enumerate(roles[1:])
    ]
    return replace(program, weights=weights, biases=biases, roles=roles, digits=DIGITS)


def _count(program: Program, layer: int, members: Tensor, inputs: int) -> int:
    """The neurons of a role at the new number of inputs. Raises SpecError where its patterns depend on the size."""
    each = False
    for source, group in program.groups(layer):
        block = program.weights[source, layer][members][:, group]
        if len(block.unique()) > 1:
            if sorted(own_sources(block) or []) != list(range(len(group))):
                raise SpecError(f"the program names single neurons in layer {source}: it is written for one size")
            each = True
    if bool((program.biases[layer - 1][members] != program.biases[layer - 1][members[0]]).any()):
        raise SpecError(f"the program has neurons of its own in layer {layer}: it is written for one size")
    return inputs if each else len(members)


def _block(program: Program, pair: Pair, roles: list[Tensor]) -> Tensor:
    """References between two layers at the new size."""
    source, target = pair
    result = torch.zeros(len(roles[target]), len(roles[source]), dtype=torch.long)
    for role, members in enumerate(program.members(target)):
        for other, group in enumerate(program.members(source)):
            block = program.weights[pair][members][:, group]
            rows, columns = (roles[target] == role).nonzero(), (roles[source] == other).nonzero().flatten()
            own = own_sources(block)
            values = block[0, 0].expand(len(rows), len(columns)).clone()
            if own is not None and len(block) > 1:
                values[:] = block[0, (own[0] + 1) % len(group)]
                values.fill_diagonal_(int(block[0, own[0]]))
            result[rows, columns] = values
    return result


def _fitted(program: Program, spec: MLPSpec, task: Task) -> Program:
    """The program with numbers that make the task's loss small, rounded."""
    inputs, targets = task.sample(spec, INPUTS, stream("explain", "resize"))
    inputs, targets = inputs.double(), targets.double()

    def loss(graph: Graph) -> Tensor:
        return task.loss(graph(inputs), targets)

    numbers = descend(program, loss, ITERATIONS)
    rounded = [float(f"{number:.{DIGITS - 1}e}") for number in numbers.tolist()]
    return replace(program, numbers=torch.tensor(rounded, dtype=torch.float64))
