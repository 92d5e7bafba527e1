"""Losses are measured on held-out data, and training never draws it."""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.analysis.interventions import ablate_strongest
from hypergraph.analysis.measure import measure_loss
from hypergraph.analysis.sizes import losses_at_size
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training.baseline import train_directly
from hypergraph.training.recipe import PRESETS
from hypergraph.training.step import Trainer

SPEC = MLPSpec((2, 4, 1))


class Recorded(Task):
    """Writes down which of its two samplers is called."""

    default_spec = SPEC
    solved_loss = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.calls: set[str] = set()

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.calls.add("training")
        inputs = torch.randn(batch, spec.sizes[0], generator=rng)
        return inputs, inputs.sum(1, keepdim=True)

    def sample_held_out(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.calls.add("held out")
        inputs = torch.randn(batch, spec.sizes[0], generator=rng)
        return inputs, inputs.sum(1, keepdim=True)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean((-2, -1))


def test_training_and_measuring_draw_from_different_samplers() -> None:
    task = Recorded()
    network = train_directly(task, SPEC, seed=0, steps=2)
    Trainer(task, [SPEC], PRESETS["quick"].recipe, 0, [0], torch.device("cpu")).step()
    assert task.calls == {"training"}
    task.calls.clear()
    measure_loss(task, network, seed=0)
    assert task.calls == {"held out"}
    task.calls.clear()
    ablate_strongest(network, task, stream(0), batch=100)
    generator = Generator.initial([SPEC], [stream(0, "initial")])
    losses_at_size(generator, 1e-3, task, SPEC, SPEC, seed=0, member=0)
    assert task.calls == {"held out"}
