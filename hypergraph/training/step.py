"""Train the members of one generator together, step by step; no member influences another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import restart, stream
from hypergraph.spec import MLPSpec
from hypergraph.training.capture import CapturedStep, StepResult
from hypergraph.training.checkpoint import read_checkpoint, write_checkpoint
from hypergraph.training.failures import Failure
from hypergraph.training.objective import diverged, objective
from hypergraph.training.optimizer import ParetoAdam, corrected
from hypergraph.training.recipe import Recipe
from hypergraph.training.recovery import Recovery
from hypergraph.training.schedule import (
    Numbers,
    draw_beta,
    draw_wiring,
    is_early,
    learning_rate,
    uses_encoder,
    window_top,
)

CHECK_EVERY = 32
"""Steps on a GPU after which the host asks which members diverged, and waits; on the CPU it asks after every one."""


class Sampled(NamedTuple):
    """What decides the shapes and the kernels of a step."""

    spec: MLPSpec
    """The network to generate"""
    early: bool
    """Whether the inputs are those that the task draws early"""
    encoders: tuple[bool, ...]
    """Whether each member's encoder is used"""


class Trainer:
    """Adam on log(L + beta * KL), with one price and one generated network per member and step.

    Where the task wants it, members of a low wiring train their decoder alone in the first half of the steps.

    A member that diverged returns, at the next check, to the state that `keep` wrote last, and continues from there
    with the others. After MAX_FAILURES failures it is retired: it keeps that state.

    Args:
        task: what the networks should compute.
        specs: the network to generate; or several, of which every step draws one for all members. The generator of
            several networks has no encoder, because an encoder memorises a single network.
        recipe: how to train.
        seed: the seed of the run. Member k draws from the streams (seed, k, ...), independent of the other members.
        members: the members to train.
        device: the device to train on.

    Attributes:
        generator: the generator that is trained.
        state: parameters and Adam's moments by name, each [member, ...].
        steps_done: the number of steps done so far.
        check_every: after how many steps members that diverged are recovered.
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
        self.seed, self.members = seed, tuple(members)
        rngs = [stream(seed, member, "initial") for member in members]
        self.wirings = [draw_wiring(recipe, seed, member) for member in members]
        self.generator = Generator.initial(specs, rngs, self.wirings, encoder=len(specs) == 1).to(device)
        self.optimizer = ParetoAdam(self.generator.pareto)
        self.state = self.optimizer.state
        self.rngs = [torch.Generator(device) for _ in members]
        self.steps_done = 0
        self.check_every = 1 if device.type == "cpu" else CHECK_EVERY
        self._run: Callable[[Sampled, Numbers], StepResult] = self._update
        self._recovery = Recovery(self.state, self.members)
        if device.type == "cuda":
            self.capture()

    @property
    def failures(self) -> Sequence[Failure]:
        """All failures so far."""
        return self._recovery.failures

    @property
    def checked(self) -> bool:
        """Whether this is one of the steps after which members that diverged are recovered."""
        return self.steps_done % self.check_every == 0

    def capture(self, record: bool = True) -> None:
        """Do the steps from now on as on a GPU: recorded as CUDA graphs, or with `record` false each as it is."""
        self._run = CapturedStep(self._update, self.rngs, record)

    def step(self) -> StepResult:
        """Do one optimiser step.

        Raises HypergraphError where a member diverges before a state was kept.
        """
        for rng, member in zip(self.rngs, self.members, strict=True):
            restart(rng, self.seed, member, self.steps_done)
        sampled = self._sampled()
        self.generator.encoders = sampled.encoders
        if self._halfway and isinstance(self._run, CapturedStep):
            self._run.forget()
        result = self._run(sampled, self._numbers())
        self.steps_done += 1
        if self.checked:
            self.recover()
        return result

    def _update(self, sampled: Sampled, numbers: Numbers) -> StepResult:
        """All that a step does on the device: `sampled` decides its shapes, and the host reads nothing."""
        spec, early, _ = sampled
        sample = self.task.sample_early if early else self.task.sample
        beta = torch.stack([draw_beta(rng, numbers.window_top) for rng in self.rngs])
        samples = [sample(spec, self.recipe.batch, rng) for rng in self.rngs]
        inputs, targets = (torch.stack(part) for part in zip(*samples, strict=True))
        draws = self.generator.draw(self.rngs, [spec])
        (networks,), kl = self.generator(beta, draws, [spec], self.generator.has_encoder)
        loss, kl = self.task.loss(networks(inputs), targets), kl.squeeze(1)
        objectives = objective(loss, kl, beta)
        objectives.sum().backward()
        norms = self.optimizer.step(beta, numbers.rate, numbers.root)
        loss, kl = loss.detach(), kl.detach()
        self._recovery.note(numbers.step, diverged(objectives, norms, kl, spec.weight_count), loss, kl)
        return StepResult(beta, loss, kl)

    def _numbers(self) -> Numbers:
        step, recipe = self.steps_done, self.recipe
        rate = learning_rate(step, recipe.steps, recipe.learning_rate)
        return Numbers(step + 1, window_top(step, recipe.beta_warmup_steps), *corrected(rate, step + 1))

    def recover(self) -> None:
        """Take members that diverged back to the good state. Raises HypergraphError where none was kept."""
        self._recovery.recover()

    @property
    def _halfway(self) -> bool:
        """Whether this is the first step whose inputs are no longer early."""
        step, steps = self.steps_done, self.recipe.steps
        return is_early(step - 1, steps) and not is_early(step, steps)

    def _sampled(self) -> Sampled:
        early = is_early(self.steps_done, self.recipe.steps)
        alone = early and self.task.decoder_first
        encoders = (self.generator.has_encoder and uses_encoder(alone, wiring) for wiring in self.wirings)
        return Sampled(self._draw_spec(), early, tuple(encoders))

    def _draw_spec(self) -> MLPSpec:
        if len(self.specs) == 1:
            return self.specs[0]
        rng = stream(self.seed, "network", self.steps_done)
        return self.specs[int(torch.randint(len(self.specs), (), generator=rng))]

    def keep(self, path: Path) -> None:
        """Recover, save, and make this the good state. Raises FileError."""
        self.recover()
        self._recovery.good = write_checkpoint(path, self.state, self.steps_done, self.failures)

    def save(self, path: Path) -> None:
        """Recover, and save this state, and the good state if it is another. Raises FileError."""
        self.recover()
        good = self._recovery.good
        self._recovery.good = write_checkpoint(path, self.state, self.steps_done, self.failures, good)

    def restore(self, path: Path) -> None:
        """Continue from a saved state. Raises FileError where the file does not fit this training."""
        saved = read_checkpoint(path, self.state)
        for name, tensor in self.state.items():
            tensor.copy_(saved.state[name])
        self.steps_done = saved.step
        self._recovery.resume(saved)
