"""Training anywhere but on the CPU: a step moves nothing between host and device, and repeats the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from gpu.checks import CHECKS, MASKED, TASK_NAMES
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec
from hypergraph.training.optimizer import ParetoAdam
from hypergraph.training.recipe import Recipe
from hypergraph.training.recovery import Recovery
from hypergraph.training.step import Trainer

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class DrawOn(TorchFunctionMode):
    """The meta device has no random generators: what is drawn from one of the host's appears there instead."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.pop("generator", None) is not None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


class Elsewhere(TorchDispatchMode):
    """Notes every operation that takes or gives a tensor on another device than meta."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[str] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, results)) if isinstance(each, torch.Tensor)]
        if any(each.device.type != "meta" for each in tensors) or func is torch.ops.aten.lift_fresh.default:
            self.operations.append(str(func))
        return results


def meta_trainer(task: Task, specs: Sequence[MLPSpec]) -> Trainer:
    """A trainer of two members on meta, where there are no numbers, and which never asks whether they diverged."""
    trainer = Trainer(task, specs, Recipe(steps=100), 0, [0, 1], torch.device("cpu"))
    trainer.generator.to("meta")
    trainer.optimizer = ParetoAdam(trainer.generator.pareto)
    trainer._recovery = Recovery(trainer.optimizer.state, [0, 1])
    trainer.check_every = 100
    return trainer


TRAININGS = {name: (name, ()) for name in TASK_NAMES} | {"masks": ("l1norm", (MASKED,))}


@pytest.mark.parametrize(("name", "specs"), TRAININGS.values(), ids=TRAININGS)
def test_a_step_stays_on_its_device(name: str, specs: tuple[MLPSpec, ...]) -> None:
    """On meta there are no numbers: reading one on the host, or mixing with the host's, fails."""
    task = TASKS.load(name)
    trainer = meta_trainer(task, specs or (task.default_spec,))
    with DrawOn():
        trainer.step()  # the first one builds the graph on the host and moves it
        with Elsewhere() as elsewhere:
            trainer.step()
    assert elsewhere.operations == []
    assert trainer._recovery._noted.device.type == "meta"


class Shapes(TorchDispatchMode):
    """Notes every operation and the shapes that it gives."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.given: list[tuple[str, list[torch.Size]]] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        shapes = [each.shape for each in tree_leaves(results) if isinstance(each, torch.Tensor)]
        self.given.append((str(func), shapes))
        return results


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_step_does_what_the_step_before_did(name: str) -> None:
    """The same operations of the same shapes, as a CUDA graph repeats them."""
    task = TASKS.load(name)
    trainer = Trainer(task, [task.default_spec], Recipe(steps=100, beta_warmup_steps=2), 0, [0, 1], torch.device("cpu"))
    steps = []
    for _ in range(4):
        with Shapes() as shapes:
            trainer.step()
        steps.append(shapes.given)
    assert steps[1] == steps[2] == steps[3]


def test_nothing_in_a_step_is_added_in_an_order_of_chance() -> None:
    """On a GPU, `index_add` is, but where every index is another: on the way back from a permutation."""
    trainer = meta_trainer(TASKS.load("l1norm"), (MASKED,))
    with DrawOn():
        trainer.step()
        with Shapes() as shapes, torch.no_grad():
            generator = trainer.generator
            generator(torch.empty(2, device="meta"), generator.draw(trainer.rngs))
    names = {name for name, _ in shapes.given}
    assert "aten.index_put.default" in names
    assert not [name for name in names if "index_add" in name or "scatter" in name]


@needs_gpu
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_passes_on_a_gpu(check: Callable[[torch.device], None]) -> None:
    check(torch.device("cuda"))
