"""Trains the members of one generator together; no member influences another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from hypergraph.errors import FileError, HypergraphError
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import restart, stream
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import finite
from hypergraph.storage.schema import as_record
from hypergraph.storage.tensors import check_format, read_tensors, write_tensors
from hypergraph.storage.untrusted import parse_json
from hypergraph.training.failures import MAX_FAILURES, Failure
from hypergraph.training.objective import clip_per_member, diverged, objective
from hypergraph.training.recipe import Recipe
from hypergraph.training.schedule import decayed_learning_rate, draw_beta, draw_wiring

FORMAT = "hypergraph-training"
FORMAT_VERSION = "2"
ADAM_BETAS = (0.9, 0.99)
CLIP = 1.0
LAST_GOOD = "good."
"""In a saved state, the beginning of the names of a good state that is another."""


class Snapshot(NamedTuple):
    """Where a good state is.

    Attributes:
        path: the file.
        step: at which it was kept.
        prefix: of its tensors' names in the file.
    """

    path: Path
    step: int
    prefix: str = ""

    def read(self) -> dict[str, Tensor]:
        """Its tensors, [member, ...]. Raises FileError."""
        tensors, _ = read_tensors(self.path)
        return {
            name.removeprefix(self.prefix): tensor for name, tensor in tensors.items() if name.startswith(self.prefix)
        }


class Trainer:
    """Adam on log(L + beta * KL), one price and one generated network per member and step.

    A member that diverges is taken back to the state that :meth:`keep` last wrote and goes on from there with the
    others; after MAX_FAILURES failures it is retired, and stays there. The others do not notice.

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
        self.optimizer = torch.optim.Adam(self.generator.parameters(), betas=ADAM_BETAS, fused=True)
        for parameter in self.generator.parameters():
            means, squares = torch.zeros_like(parameter), torch.zeros_like(parameter)
            steps = torch.zeros((), device=device)
            self.optimizer.state[parameter] = {"step": steps, "exp_avg": means, "exp_avg_sq": squares}
        self.rngs = [torch.Generator(device) for _ in members]
        self.steps_done = 0
        self.failures: list[Failure] = []
        self._good: Snapshot | None = None
        self._retired: dict[int, dict[str, Tensor]] = {}

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One optimiser step. Returns the beta, loss and KL of this step, each [member].

        Raises HypergraphError where a member diverges before a state was kept.
        """
        for rng, member in zip(self.rngs, self.members, strict=True):
            restart(rng, self.seed, member, self.steps_done)
        beta = torch.stack([draw_beta(rng, self.steps_done, self.recipe.beta_warmup_steps) for rng in self.rngs])
        spec = self._draw_spec()
        samples = [self.task.sample(spec, self.recipe.batch, rng) for rng in self.rngs]
        inputs, targets = (torch.stack(part) for part in zip(*samples, strict=True))
        draws = self.generator.draw(self.rngs, [spec])
        (networks,), kl = self.generator(beta, draws, [spec], self.generator.has_encoder)
        loss, kl = self.task.loss(networks(inputs), targets), kl.squeeze(1)
        objectives = objective(loss, kl, beta)
        norms = self._descend(objectives)
        self.steps_done += 1
        loss, kl = loss.detach(), kl.detach()
        self._recover(diverged(objectives, norms, kl, spec.weight_count), loss, kl)
        return beta, loss, kl

    def _draw_spec(self) -> MLPSpec:
        if len(self.specs) == 1:
            return self.specs[0]
        rng = stream(self.seed, "network", self.steps_done)
        return self.specs[int(torch.randint(len(self.specs), (), generator=rng))]

    def _descend(self, objectives: Tensor) -> Tensor:
        """Returns the norms of the gradients, [member]."""
        objectives.sum().backward()
        norms = clip_per_member([p.grad for p in self.generator.parameters() if p.grad is not None], CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = decayed_learning_rate(self.steps_done, self.recipe.steps, self.recipe.learning_rate)
        self.optimizer.step()
        self.optimizer.zero_grad()  # here, so that gradients are not kept through the next forward pass
        return norms

    def _recover(self, bad: Tensor, loss: Tensor, kl: Tensor) -> None:
        """Take members that are bad, [member], or retired back to a good state."""
        if bool(bad.any()):
            for place, member in enumerate(self.members):
                if bool(bad[place]) and place not in self._retired:
                    self._rollback(place, member, float(loss[place]), float(kl[place]))
        for place, tensors in self._retired.items():
            self._put(place, tensors)

    def _rollback(self, place: int, member: int, loss: float, kl: float) -> None:
        if self._good is None:
            raise HypergraphError(f"member {member} diverged in step {self.steps_done}, before a state was kept")
        tensors = {name: tensor[place].clone() for name, tensor in self._good.read().items()}
        self._put(place, tensors)
        if sum(failure.member == member for failure in self.failures) + 1 == MAX_FAILURES:
            self._retired[place] = tensors
        numbers = finite(loss), finite(kl)
        self.failures.append(Failure(member, self.steps_done, self._good.step, *numbers, place in self._retired))

    def _put(self, place: int, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in self._state().items():
            tensor[place] = tensors[name]

    def _state(self) -> dict[str, Tensor]:
        """What changes in a training, as it is now: parameters and Adam's moments, each [member, ...]."""
        state: dict[str, Tensor] = {}
        for name, parameter in self.generator.pareto.named_parameters():
            moments = self.optimizer.state[parameter]
            state |= {name: parameter.data, f"mean.{name}": moments["exp_avg"], f"square.{name}": moments["exp_avg_sq"]}
        return state

    def keep(self, path: Path) -> None:
        """Save, and take this state as the good one. Raises FileError."""
        self._write(path, {}, self.steps_done)
        self._good = Snapshot(path, self.steps_done)

    def save(self, path: Path) -> None:
        """Write all that is needed to go on, the good state with it where it is another. Raises FileError."""
        if self._good is None or self._good.step == self.steps_done:
            self.keep(path)
        else:
            self._write(path, {LAST_GOOD + name: tensor for name, tensor in self._good.read().items()}, self._good.step)
            self._good = Snapshot(path, self._good.step, LAST_GOOD)

    def _write(self, path: Path, good: dict[str, Tensor], good_step: int) -> None:
        steps = {"step": str(self.steps_done), "good_step": str(good_step)}
        text = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "failures": json.dumps(msgspec.to_builtins(self.failures)),
        }
        write_tensors(path, self._state() | good, text | steps)

    def restore(self, path: Path) -> None:
        """Go on from where :meth:`save` was called. Raises FileError where the file does not fit this training."""
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, FORMAT_VERSION)
        step, good_step = (_count(path, metadata, name) for name in ("step", "good_step"))
        prefix = "" if good_step == step else LAST_GOOD
        self._check(path, tensors, {"", prefix})
        try:
            self.failures = as_record(parse_json(metadata.get("failures", "")), list[Failure])
        except ValueError as error:
            raise FileError(f"{path}: its failures are refused: {error}") from None
        for name, tensor in self._state().items():
            tensor.copy_(tensors[name])
        for moments in self.optimizer.state.values():
            moments["step"].fill_(step)
        self.steps_done, self._good = step, Snapshot(path, good_step, prefix)
        retired = [failure.member for failure in self.failures if failure.retired]
        places = [self.members.index(member) for member in retired if member in self.members]
        self._retired = {place: {name: tensors[name][place].clone() for name in self._state()} for place in places}

    def _check(self, path: Path, tensors: dict[str, Tensor], prefixes: Iterable[str]) -> None:
        """Raise FileError unless the tensors are whole states that fit this training, under these prefixes."""
        expected = {prefix + name: tensor.shape for prefix in prefixes for name, tensor in self._state().items()}
        if set(tensors) != set(expected):
            raise FileError(f"{path} is no state of a training")
        for name, shape in expected.items():
            tensor = tensors[name]
            if tensor.shape != shape:
                raise FileError(f"{path}: {name} has shape {tuple(tensor.shape)}, not {tuple(shape)}")
            if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
                raise FileError(f"{path}: {name} must be finite float32 numbers")
            if "square." in name and bool((tensor < 0).any()):
                raise FileError(f"{path}: {name} must not be negative")


def _count(path: Path, metadata: dict[str, str], name: str) -> int:
    text = metadata.get(name, "")
    if not re.fullmatch("[0-9]{1,12}", text):
        raise FileError(f"{path} is no state of a training: its {name} is {text!r}")
    return int(text)
