"""Training anywhere but on the CPU: a step moves nothing between host and device but whether a member diverged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training.optimizer import ParetoAdam
from hypergraph.training.recipe import Recipe
from hypergraph.training.recovery import Recovery
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 6, 1))
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
    """Notes every operation that gives a tensor on another device than meta."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[str] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        if any(isinstance(each, torch.Tensor) and each.device.type != "meta" for each in tree_leaves(results)):
            self.operations.append(str(func))
        return results


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What the steps would have asked for at their ends: which members diverged."""
    flags: list[torch.Tensor] = []
    monkeypatch.setattr(Recovery, "recover", lambda self, step, bad, loss, kl: flags.append(bad))
    return flags


def test_a_step_stays_on_its_device(asked: list[torch.Tensor]) -> None:
    """On meta there are no numbers: reading one on the host, or mixing with the host's, fails."""
    trainer = Trainer(L1Norm(), [SPEC], Recipe(steps=10), 0, [0, 1], torch.device("cpu"))
    trainer.generator.to("meta")
    trainer.optimizer = ParetoAdam(trainer.generator.pareto)
    with DrawOn():
        trainer.step()  # the first one builds the graph on the host and moves it
        with Elsewhere() as elsewhere:
            trainer.step()
    assert elsewhere.operations == []
    assert [(flag.device.type, flag.shape) for flag in asked] == [("meta", (2,))] * 2


@needs_gpu
def test_a_gpu_generates_what_the_cpu_does() -> None:
    generator = Generator.initial([SPEC], [stream(0, member) for member in range(3)]).double()
    draws = generator.draw([stream(1, member) for member in range(3)])
    beta = torch.logspace(-9, 0, 3, dtype=torch.float64)
    (here,), kl = generator(beta, draws)
    (there,), kl_there = generator.cuda()(beta.cuda(), draws.cuda())
    torch.testing.assert_close(kl_there.cpu(), kl, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(here.weights + here.biases, there.weights + there.biases, strict=True):
        torch.testing.assert_close(theirs.cpu(), ours, rtol=1e-9, atol=1e-9)


@needs_gpu
@pytest.mark.usefixtures("asked")
def test_a_step_on_a_gpu_waits_for_nothing() -> None:
    trainer = Trainer(L1Norm(), [SPEC], Recipe(steps=10), 0, [0, 1], torch.device("cuda"))
    trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
