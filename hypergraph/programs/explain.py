"""Explain a network: the short program that it is built as, or the one that it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hypergraph.errors import UsageError
from hypergraph.extensions.options import recorded_options
from hypergraph.extensions.registry import TASKS
from hypergraph.foreign import load_any_network
from hypergraph.interfaces import Group, Task
from hypergraph.programs import render
from hypergraph.programs.bits import is_regular, program_bits, raw_bits
from hypergraph.programs.canonical import canonical
from hypergraph.programs.expression import Formula, expression, role_expressions
from hypergraph.programs.fit import Evidence
from hypergraph.programs.fold import respond
from hypergraph.programs.graph import Graph, fidelity
from hypergraph.programs.judge import GRADES, Grade, Judge
from hypergraph.programs.program import Program
from hypergraph.programs.quadratic import Quadratic, find_quadratic
from hypergraph.programs.realise import realise
from hypergraph.programs.redraw import Redrawn, redraw
from hypergraph.programs.search import Found, search
from hypergraph.programs.symmetric import find_symmetric
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.torch_state import torch_threads, usual_torch
from hypergraph.weights import MLPWeights

FIT_INPUTS, JUDGE_INPUTS, FRESH_INPUTS = 512, 2048, 4096
"""Inputs by which numbers are fitted, programs are chosen, and the result is measured."""
SHORT = 0.25
"""A program is short if it takes less than this share of the bits of the weights at equal R²."""
RAW_FIDELITY = 0.98
"""R² at which the bits of the weights of a network without a program are given."""
BEST_FIDELITY = 0.999
"""R² whose bits bound the programs that are tried."""
TOLERANCE = 0.01
"""How much less R² fresh inputs may show than those by which programs are chosen."""
SHIFT = 0.5
"""Standard deviations by which shifted inputs are moved."""

FOLDED = {"line": "nearly a line", "constant": "nearly constant"}
"""What is told of neurons that a program does without."""

Kind = Literal["is built as", "computes"]


@dataclass(frozen=True)
class Explanation:
    """What is known of a network's program. Only `raw_bits`, `loss_before` and `redrawn` are told without one.

    Attributes:
        kind: "is built as" where the program has the network's neurons, "computes" where it only has its outputs.
        program: the program as data.
        numbers: how many different numbers it has.
        bits: its length.
        raw_bits: of all weights, at the same R², or at 0.98 without a program.
        r2: to the network, on inputs that no number was fitted to.
        r2_shifted: the same with all inputs moved by half their standard deviation.
        loss_before: of the network at the task; None without a task.
        loss_after: of the program.
        roles: for each hidden layer the role of every neuron: a number, or "constant" or "line" for neurons that the
            program does without.
        redrawn: how networks with weights drawn at random do, where nothing short is found; None without a task.
        reproduced: for each hidden layer the share of every neuron's outgoing signal that the program reproduces.
        spec: of the network.
    """

    spec: MLPSpec
    raw_bits: float
    loss_before: float | None = None
    kind: Kind | None = None
    program: Program | Quadratic | None = None
    numbers: int | None = None
    bits: float | None = None
    r2: float | None = None
    r2_shifted: float | None = None
    loss_after: float | None = None
    roles: list[list[int | str]] | None = None
    reproduced: list[list[float]] | None = None
    redrawn: Redrawn | None = None

    @property
    def short(self) -> bool:
        """Whether a short program was found."""
        return self.program is not None

    @cached_property
    def expression(self) -> Formula:
        """The program as sympy expressions. Raises UsageError where there is none."""
        known = self._known
        return known.expression() if isinstance(known, Quadratic) else expression(known)

    @property
    def text(self) -> str:
        """The program as one readable line. Raises UsageError where there is none."""
        return render.text(self.expression)

    @property
    def latex(self) -> str:
        """The program as LaTeX. Raises UsageError where there is none."""
        return render.latex(self.expression)

    @property
    def python(self) -> str:
        """The program as Python source that needs torch alone. Raises UsageError where there is none."""
        return render.python(self.expression)

    @property
    def summary(self) -> str:
        """How good the program is, in one line, or that there is none."""
        return render.summary(self)

    @property
    def groups(self) -> list[Group]:
        """The roles of the hidden neurons, each with what its neurons give.

        Raises:
            UsageError: no short program says what neurons do.
        """
        if self.roles is None or not isinstance(self.program, Program):
            raise UsageError("the hidden neurons have no roles: there is no short program that is built as the network")
        texts = [list(map(render.terms, row)) for row in role_expressions(self.program)]
        found: dict[str, list[tuple[int, int]]] = {}
        for layer, roles in enumerate(self.roles, 1):
            for neuron, role in enumerate(roles):
                label = texts[layer - 1][role] if isinstance(role, int) else FOLDED[role]
                where = f"layer {layer}: " if isinstance(role, int) and len(self.roles) > 1 else ""
                found.setdefault(where + label, []).append((layer, neuron))
        groups = [
            Group(f"{len(neurons)} × {label}", neurons, minor=label in FOLDED.values())
            for label, neurons in found.items()
        ]
        return sorted(groups, key=lambda group: (group.minor, group.neurons[0]))

    @property
    def network(self) -> MLPWeights:
        """The program as a network, in float64.

        Raises:
            UsageError: there is none, or the activation of the network cannot compute it.
        """
        known = self._known
        if isinstance(known, Quadratic):
            return realise(known.graph(self.spec), self.spec)
        graph, spec = known.graph(), self.spec
        if len(graph.sizes) != len(spec.sizes):
            spec = MLPSpec.from_fields({"sizes": graph.sizes, "activation": list(graph.activations)})
        return realise(graph, spec)

    @property
    def _known(self) -> Program | Quadratic:
        if self.program is None:
            raise UsageError("the network has no short program: `short` says whether it has one")
        return self.program

    def record(self) -> dict[str, Any]:
        """The explanation as plain values, for JSON."""
        names = "numbers", "bits", "raw_bits", "r2", "r2_shifted", "loss_before", "loss_after", "roles", "reproduced"
        program = {"text": self.text, "latex": self.latex, "python": self.python} if self.short else None
        plain = {name: getattr(self, name) for name in names}
        redrawn = self.redrawn._asdict() if self.redrawn else None
        return {"short": self.short, "kind": self.kind, "program": program, **plain, "redrawn": redrawn}


@dataclass(frozen=True)
class Samples:
    """Inputs of a network, and its loss on them."""

    inputs: Tensor
    losses: Callable[[Tensor], Tensor] | None

    @property
    def loss(self) -> Callable[[Tensor], float] | None:
        """The loss of one network's outputs, as a number."""
        losses = self.losses
        return losses and (lambda outputs: float(losses(outputs)))

    @classmethod
    def draw(cls, spec: MLPSpec, task: Task | None, count: int, name: str, held_out: bool = False) -> Samples:
        """Draw the task's inputs, those that it holds out or others; standard normal ones without a task."""
        rng = stream("explain", name)
        if task is None:
            return cls(torch.randn(count, spec.sizes[0], generator=rng, dtype=torch.float64), None)
        inputs, targets = (task.sample_held_out if held_out else task.sample)(spec, count, rng)
        return cls(inputs.double(), lambda outputs: task.loss(outputs.to(targets.dtype), targets.expand_as(outputs)))


def task_of(metadata: Mapping[str, str], task: Task | str | None = None) -> Task | None:
    """This task, or the one that a file's metadata name, with the options that they record. Raises UsageError."""
    name = task or metadata.get("task")
    if not isinstance(name, str):
        return name
    return TASKS.load(name, recorded_options(metadata) if name == metadata.get("task") else None)


@usual_torch()
@torch_threads(1)  # the matrices are so small that a second thread costs more time than it saves
def explain(network: MLPWeights | nn.Module | Path | str, task: Task | str | None = None) -> Explanation:
    """The short program of a network, a module, or the network in a file, if there is one.

    Args:
        network: one network, or the path of its file.
        task: gives inputs and losses; by default the one that the file names, with the options that it records, or else
            inputs are standard normal.

    Raises:
        FileError: the file holds no network.
        UsageError: the task is not installed, or lacks options.
        SpecError: the task has no such networks.
    """
    network, metadata = load_any_network(network)
    task = task_of(metadata, task)
    if task is not None:
        task.check_spec(network.spec)
    graph, plain = Graph.of(network), canonical(Graph.of(network))
    fitted = Samples.draw(network.spec, task, FIT_INPUTS, "fit")
    judged = Samples.draw(network.spec, task, JUDGE_INPUTS, "judge")
    fresh = Samples.draw(network.spec, task, FRESH_INPUTS, "fresh", held_out=True)
    before = fresh.loss and fresh.loss(graph(fresh.inputs))
    nothing = Explanation(network.spec, raw_bits(graph, fitted.inputs, RAW_FIDELITY), before)
    judge = Judge(judged.inputs, graph, graph(judged.inputs), judged.loss)
    response = respond(plain, fitted.inputs)
    most_bits = SHORT * raw_bits(graph, fitted.inputs, BEST_FIDELITY)
    found = search(plain, response, fitted.inputs, judge, most_bits)
    if found is not None and is_regular(found.program):
        built = _measured(nothing, graph, found.program, fresh, found.grade)
        if built.short:
            roles, reproduced = _roles(network.spec, found), _reproduced(network.spec, plain, found, fresh)
            return replace(built, kind="is built as", roles=roles, reproduced=reproduced)
    many = Samples.draw(network.spec, task, FRESH_INPUTS, "many")
    form = find_quadratic(plain, many.inputs, judge, response.effects)
    if form is None or not (computed := _measured(nothing, graph, form, fresh)).short:
        symmetric = find_symmetric(plain, fitted.inputs, judge)
        computed = nothing if symmetric is None else _measured(nothing, graph, symmetric, fresh)
    if computed.short:
        return computed
    if fresh.losses is None or before is None:
        return nothing
    return replace(nothing, redrawn=redraw(network, fresh.inputs, fresh.losses, before))


def _measured(
    nothing: Explanation, graph: Graph, program: Program | Quadratic, fresh: Samples, grade: Grade = GRADES[0]
) -> Explanation:
    """What a program computes, or `nothing` where fresh inputs show that it is not good enough, or not short."""
    own = program if isinstance(program, Quadratic) else program.graph()
    outputs, answers = graph(fresh.inputs), own(fresh.inputs)
    r2, bits = fidelity(outputs, answers), program_bits(program) if isinstance(program, Program) else program.bits()
    raw = raw_bits(graph, fresh.inputs[:FIT_INPUTS], r2)
    if bits >= SHORT * raw or r2 < grade.fidelity - TOLERANCE:
        return nothing
    shifted = fresh.inputs + SHIFT * fresh.inputs.std(0)
    return replace(
        nothing,
        raw_bits=raw,
        kind="computes",
        program=program,
        numbers=len(program.numbers),
        bits=bits,
        r2=r2,
        r2_shifted=fidelity(graph(shifted), own(shifted)),
        loss_after=fresh.loss and fresh.loss(answers),
    )


def _roles(spec: MLPSpec, found: Found) -> list[list[int | str]]:
    named: list[list[int | str]] = [[""] * size for size in spec.sizes[1:-1]]
    for (layer, neuron), fate in found.folded.fates.items():
        named[layer - 1][neuron] = fate
    for row, kept, roles in zip(named, found.folded.kept, found.program.roles[1:-1], strict=True):
        for neuron, role in zip(kept.tolist(), roles.tolist(), strict=True):
            row[neuron] = role
    return named


def _reproduced(spec: MLPSpec, graph: Graph, found: Found, fresh: Samples) -> list[list[float]]:
    """A neuron that became a constant sends nothing on; one that became a line, what the line explains."""
    evidence = Evidence.of(graph, found.folded, [torch.ones(size) for size in spec.sizes[1:-1]], fresh.inputs)
    own = found.program.graph()
    shares = evidence.reproduced(own, own.layers(fresh.inputs).values)
    result = [[0.0] * size for size in spec.sizes[1:-1]]
    sums, values = graph.layers(fresh.inputs)
    for (layer, neuron), fate in found.folded.fates.items():
        if fate == "line":
            both = torch.stack([sums[layer][:, neuron], values[layer][:, neuron]])
            result[layer - 1][neuron] = float(torch.corrcoef(both)[0, 1] ** 2)
    for row, kept, share in zip(result, found.folded.kept, shares, strict=True):
        for neuron, value in zip(kept.tolist(), share.tolist(), strict=True):
            row[neuron] = max(value, 0.0)
    return result
