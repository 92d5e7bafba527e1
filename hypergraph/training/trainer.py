"""Trains the members of one generator together; no member influences another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from hypergraph.errors import FileError
from hypergraph.files import read_tensors, write_tensors
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.spec import MLPSpec
from hypergraph.streams import restart, stream
from hypergraph.training.objective import clip_per_member, objective
from hypergraph.training.recipe import Recipe
from hypergraph.training.schedule import draw_beta, learning_rate

BETAS = (0.9, 0.99)
CLIP = 1.0


class Trainer:
    """Adam on log(L + beta * KL), one price and one generated network per member and step.

    Args:
        task: what the networks should compute.
        spec: the network to generate.
        recipe: how to train.
        seed: of the run. Member k draws from the streams (seed, k, ...), whichever other members train beside it.
        members: which members to train here.
        device: where.
    """

    def __init__(
        self, task: Task, spec: MLPSpec, recipe: Recipe, seed: int, members: Sequence[int], device: torch.device
    ) -> None:
        self.task, self.spec, self.recipe = task, spec, recipe
        self.seed, self.members, self.device = seed, tuple(members), device
        rngs = [stream(seed, member, "initial") for member in members]
        self.generator = Generator.initial([spec], rngs).to(device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), betas=BETAS, fused=True)
        self.rngs = [torch.Generator(device) for _ in members]
        self.steps_done = 0

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One optimiser step. Returns the beta, loss and KL of this step, each [member]."""
        for rng, member in zip(self.rngs, self.members, strict=True):
            restart(rng, self.seed, member, self.steps_done)
        beta = torch.stack([draw_beta(rng, self.steps_done, self.recipe.opening) for rng in self.rngs])
        samples = [self.task.sample(self.spec, self.recipe.batch, rng) for rng in self.rngs]
        inputs, targets = (torch.stack(part) for part in zip(*samples, strict=True))
        (networks,), kl = self.generator(beta, self.generator.draw(self.rngs))
        loss, kl = self.task.loss(networks(inputs), targets), kl.squeeze(1)
        self._descend(objective(loss, kl, beta))
        self.steps_done += 1
        return beta, loss.detach(), kl.detach()

    def _descend(self, objectives: Tensor) -> None:
        self.optimizer.zero_grad()
        objectives.sum().backward()
        clip_per_member([p.grad for p in self.generator.parameters() if p.grad is not None], CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.steps_done, self.recipe.steps, self.recipe.rate)
        self.optimizer.step()

    def save(self, path: Path) -> None:
        """Write all that is needed to go on: parameters, moments of the gradient, step. Raises FileError."""
        tensors = {name: parameter.detach() for name, parameter in self.generator.pareto.named_parameters()}
        moments = self.optimizer.state_dict()["state"]
        for name, moment in zip(list(tensors), moments.values(), strict=False):
            tensors |= {f"mean.{name}": moment["exp_avg"], f"square.{name}": moment["exp_avg_sq"]}
        text = {"format": "hypergraph-training", "format_version": "1", "step": str(self.steps_done)}
        write_tensors(path, tensors, text)

    def restore(self, path: Path) -> None:
        """Go on from where :meth:`save` was called. Raises FileError where the file does not fit this training."""
        tensors, metadata = read_tensors(path)
        names = [name for name, _ in self.generator.pareto.named_parameters()]
        expected = {prefix + name for prefix in ("", "mean.", "square.") for name in names}
        if metadata.get("format") != "hypergraph-training" or set(tensors) != expected:
            raise FileError(f"{path} is no state of a training")
        step = int(metadata["step"])
        state = {}
        for index, (name, parameter) in enumerate(self.generator.pareto.named_parameters()):
            if tensors[name].shape != parameter.shape:
                raise FileError(f"{path}: {name} has shape {tuple(tensors[name].shape)}, not {tuple(parameter.shape)}")
            with torch.no_grad():
                parameter.copy_(tensors[name])
            moments = {"exp_avg": tensors[f"mean.{name}"], "exp_avg_sq": tensors[f"square.{name}"]}
            state[index] = {"step": torch.tensor(float(step)), **moments}
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.steps_done = step
