"""Trains the members of one generator together; no member influences another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from hypergraph.errors import FileError
from hypergraph.files import check_format, read_tensors, write_tensors
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.spec import MLPSpec
from hypergraph.streams import restart, stream
from hypergraph.training.objective import clip_per_member, objective
from hypergraph.training.recipe import Recipe
from hypergraph.training.schedule import draw_beta, draw_wiring, learning_rate

FORMAT = "hypergraph-training"
FORMAT_VERSION = "1"
BETAS = (0.9, 0.99)
CLIP = 1.0


class Trainer:
    """Adam on log(L + beta * KL), one price and one generated network per member and step.

    Args:
        task: what the networks should compute.
        specs: the network to generate; or several, of which every step draws one, the same for all members. What an
            encoder memorises belongs to one network, so a generator of several is trained without.
        recipe: how to train.
        seed: of the run. Member k draws from the streams (seed, k, ...), whichever other members train beside it.
        members: which members to train here.
        device: where.
    """

    def __init__(
        self,
        task: Task,
        specs: Sequence[MLPSpec],
        recipe: Recipe,
        seed: int,
        members: Sequence[int],
        device: torch.device,
    ) -> None:
        self.task, self.specs, self.recipe = task, tuple(specs), recipe
        self.seed, self.members, self.device = seed, tuple(members), device
        rngs = [stream(seed, member, "initial") for member in members]
        wirings = [draw_wiring(recipe, seed, member) for member in members]
        self.generator = Generator.initial(specs, rngs, wirings, encoder=len(specs) == 1).to(device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), betas=BETAS, fused=True)
        self.rngs = [torch.Generator(device) for _ in members]
        self.steps_done = 0

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One optimiser step. Returns the beta, loss and KL of this step, each [member]."""
        for rng, member in zip(self.rngs, self.members, strict=True):
            restart(rng, self.seed, member, self.steps_done)
        beta = torch.stack([draw_beta(rng, self.steps_done, self.recipe.opening) for rng in self.rngs])
        spec = self._draw_spec()
        samples = [self.task.sample(spec, self.recipe.batch, rng) for rng in self.rngs]
        inputs, targets = (torch.stack(part) for part in zip(*samples, strict=True))
        draws = self.generator.draw(self.rngs, [spec])
        (networks,), kl = self.generator(beta, draws, [spec], self.generator.has_encoder)
        loss, kl = self.task.loss(networks(inputs), targets), kl.squeeze(1)
        self._descend(objective(loss, kl, beta))
        self.steps_done += 1
        return beta, loss.detach(), kl.detach()

    def _draw_spec(self) -> MLPSpec:
        if len(self.specs) == 1:
            return self.specs[0]
        rng = stream(self.seed, "network", self.steps_done)
        return self.specs[int(torch.randint(len(self.specs), (), generator=rng))]

    def _descend(self, objectives: Tensor) -> None:
        objectives.sum().backward()
        clip_per_member([p.grad for p in self.generator.parameters() if p.grad is not None], CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.steps_done, self.recipe.steps, self.recipe.rate)
        self.optimizer.step()
        self.optimizer.zero_grad()  # here, so that gradients are not kept through the next forward pass

    def save(self, path: Path) -> None:
        """Write all that is needed to go on after a first step: parameters, moments, step. Raises FileError."""
        tensors = {name: parameter.detach() for name, parameter in self.generator.pareto.named_parameters()}
        moments = self.optimizer.state_dict()["state"]
        for name, moment in zip(list(tensors), moments.values(), strict=True):
            tensors |= {f"mean.{name}": moment["exp_avg"], f"square.{name}": moment["exp_avg_sq"]}
        text = {"format": FORMAT, "format_version": FORMAT_VERSION, "step": str(self.steps_done)}
        write_tensors(path, tensors, text)

    def restore(self, path: Path) -> None:
        """Go on from where :meth:`save` was called. Raises FileError where the file does not fit this training."""
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, FORMAT_VERSION)
        step = self._check_state(path, tensors, metadata)
        state = {}
        for index, (name, parameter) in enumerate(self.generator.pareto.named_parameters()):
            with torch.no_grad():
                parameter.copy_(tensors[name])
            moments = {"exp_avg": tensors[f"mean.{name}"], "exp_avg_sq": tensors[f"square.{name}"]}
            state[index] = {"step": torch.tensor(float(step)), **moments}
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.steps_done = step

    def _check_state(self, path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> int:
        """The step of a saved state that fits this training. Raises FileError."""
        named = dict(self.generator.pareto.named_parameters())
        expected = {prefix + name: p.shape for prefix in ("", "mean.", "square.") for name, p in named.items()}
        if set(tensors) != set(expected) or not re.fullmatch("[0-9]{1,12}", metadata.get("step", "")):
            raise FileError(f"{path} is no state of a training")
        for name, shape in expected.items():
            tensor = tensors[name]
            if tensor.shape != shape:
                raise FileError(f"{path}: {name} has shape {tuple(tensor.shape)}, not {tuple(shape)}")
            if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
                raise FileError(f"{path}: {name} must be finite float32 numbers")
        return int(metadata["step"])
