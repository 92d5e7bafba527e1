"""What must hold on a GPU. Each check raises an error that says what does not."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from gpu.playback import NoReads
from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.rng import stream
from hypergraph.spec import Connection, MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import CHECK_EVERY, Trainer

MASKED = MLPSpec((4, 6, 1), skips=((0, 2),), masks=(Connection(0, 1, ("1100", "0110", "0011") * 2),))
"""A network with a skip connection and a mask that leaves two weights to every hidden neuron."""
SPECS = (MLPSpec((4, 6, 1)), MLPSpec((3, 5, 4, 1), activation=("relu", "tanh")), MASKED)
TASK_NAMES = ("l1norm", "formula", "maximum", "modular", "multiplication", "parity", "superposition")
"""The tasks that need no data of the user's."""
STEPS = 40


def trainer(device: torch.device, task: Task, specs: tuple[MLPSpec, ...], graphs: bool) -> Trainer:
    """A short training of three members."""
    recipe = Recipe(steps=STEPS, batch=32, beta_warmup_steps=10)
    one = Trainer(task, specs, recipe, 0, [0, 1, 5], device)
    one.check_every = CHECK_EVERY  # on the CPU it would be 1
    one.capture(graphs)
    return one


def train(one: Trainer, until: int) -> Trainer:
    """Train to a step."""
    while one.steps_done < until:
        one.step()
    return one


def assert_same(first: Trainer, second: Trainer) -> None:
    """Both have the same parameters and moments, bit for bit."""
    for name, tensor in first.state.items():
        if not torch.equal(second.state[name], tensor):
            raise AssertionError(f"{name} differs by up to {float((second.state[name] - tensor).abs().max()):.3g}")


def agrees(device: torch.device) -> None:
    """Networks and gradients are those of the CPU, to eight digits."""
    for spec in SPECS:
        generator = Generator.initial([spec], [stream(0, member) for member in range(3)]).double()
        draws = generator.draw([stream(1, member) for member in range(3)])
        moved = ParetoHyperhypernetwork(**{k: v.to(device) for k, v in generator.pareto.state_dict().items()})
        expected, actual = _generated(generator, draws), _generated(Generator([spec], moved), draws)
        for ours, theirs in zip(actual, expected, strict=True):
            torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-8, atol=1e-9)


def _generated(generator: Generator, draws: Tensor) -> list[Tensor]:
    """Weights, biases and KL, and the gradients of a number that depends on all of them."""
    device = generator.pareto.weight1.device
    beta = torch.logspace(-9, 0, generator.members, dtype=torch.float64).to(device)
    (networks,), kl = generator(beta, draws.to(device))
    results = [*networks.weights, *networks.biases, kl]
    grads = torch.autograd.grad(sum(each.sin().sum() for each in results), list(generator.parameters()))
    return [each.detach() for each in (*results, *grads)]


def waits_for_nothing(device: torch.device) -> None:
    """Between two checks for divergence the host reads nothing; every task's step can be recorded."""
    for name in TASK_NAMES:
        task = TASKS.load(name)
        for graphs in (False, True):
            one = train(trainer(device, task, (task.default_spec,), graphs), 3)
            with _no_reads(device):
                train(one, 5)
    one = train(trainer(device, TASKS.load("l1norm"), (MASKED,), graphs=False), 2)
    with _no_reads(device):
        train(one, 4)


@contextlib.contextmanager
def _no_reads(device: torch.device) -> Iterator[None]:
    if device.type == "cpu":
        with NoReads():
            yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def resumes(device: torch.device, graphs: bool) -> None:
    """A training that was saved and restored ends with the bits of one that was not."""
    task = TASKS.load("l1norm")
    unbroken, broken, resumed = (trainer(device, task, SPECS[:2], graphs) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        train(broken, STEPS // 2).save(path)
        resumed.restore(path)
    assert_same(train(unbroken, STEPS), train(resumed, STEPS))


def graphs_change_nothing(device: torch.device) -> None:
    """Trainings with and without CUDA graphs end with the same bits."""
    task = TASKS.load("l1norm")
    for specs in (SPECS[:1], SPECS[:2], (MASKED,)):
        assert_same(*(train(trainer(device, task, specs, graphs), STEPS) for graphs in (False, True)))


CHECKS: dict[str, Callable[[torch.device], None]] = {
    "networks and gradients agree with the CPU's": agrees,
    "a step waits for nothing": waits_for_nothing,
    "a resumed training gives the same bits": lambda device: resumes(device, graphs=False),
    "a resumed training gives the same bits, with CUDA graphs": lambda device: resumes(device, graphs=True),
    "CUDA graphs change no bit": graphs_change_nothing,
}
