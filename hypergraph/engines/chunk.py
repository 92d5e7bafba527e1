"""Train one chunk of a run's members, in any process and thread; every engine calls this."""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack

import torch

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.errors import BusyError, FileError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Diverged, Observer, Trained, Watched
from hypergraph.runs.provenance import current_versions
from hypergraph.runs.records import Metrics, Provenance, to_fields
from hypergraph.storage.atomic import finite
from hypergraph.torch_state import usual_torch
from hypergraph.training.memory import needs_recompute
from hypergraph.training.step import Trainer

WATCH_BETAS = (1e-9, 1e-4, 1.0)
"""A low, a middle and a high beta, at which the networks are measured during training."""
WATCH_INPUTS = 2_000
METRICS, STATES, CHECKPOINTS = 100, 20, 20
"""How often a whole training writes metrics, saves its state, and keeps a generator."""
STEPS_APART = 25
"""Steps between two of these in a large run, which may have many members and few steps."""
REPORT_EVERY_S = 1


@usual_torch()
def train_chunk(run: RunDirectory, chunk: Chunk, observe: Observer, stop: threading.Event) -> bool:
    """Train a chunk to its end, or until `stop` is set, and save its state; start from a saved state if there is one.

    The function holds the chunk's lock. It waits for another process that holds it, such as a worker that outlives a
    killed engine for one step. It calls `observe` in this thread, and changes nothing of the process: the caller sets
    torch's threads to those of the run's configuration.

    Returns whether the end was reached.

    Raises:
        HypergraphError: a file cannot be read or written, a plugin is broken, or a member diverges at once.
        Exception: any error of the task; `attribute_error` names its plugin.
    """
    while not stop.is_set():
        with ExitStack() as hold:
            try:
                hold.enter_context(chunk.lock())
            except BusyError:
                stop.wait(0.1)
                continue
            return _ChunkTraining(run, chunk, observe).train(stop)
    return False


def evenly_spread(steps: int, times: int) -> frozenset[int]:
    """This many of a training's steps, or all if it has fewer: evenly spread, with the last."""
    return frozenset(math.ceil(steps * n / times) for n in range(1, times + 1))


def checkpoint_steps(steps: int) -> frozenset[int]:
    """The steps whose generators are kept: denser at first, when algorithms form, with the last."""
    return frozenset(max(1, round(steps * (n / CHECKPOINTS) ** 2)) for n in range(1, CHECKPOINTS + 1))


class _ChunkTraining:
    """The training of a chunk whose lock is held."""

    def __init__(self, run: RunDirectory, chunk: Chunk, observe: Observer) -> None:
        config = run.config
        if config.recipe is None:
            raise FileError(f"{run.path} is a run of shipped generators: there is nothing to train")
        self.chunk, self.config, self.steps = chunk, config, config.recipe.steps
        self.observe, self.members = observe, (chunk.members[0], chunk.members[-1])
        self.sampled = config.sampled(chunk.members)
        self.task = TASKS.load(config.task, config.options)
        self.classifier = classifier_for(config.task)
        device = torch.device(config.device)
        self.trainer = Trainer(self.task, config.specs, config.recipe, config.seed, chunk.members, device)
        self.trainer.generator.recompute = needs_recompute(config.largest, config.members, config.device)
        self.reported_at = -math.inf

    def train(self, stop: threading.Event) -> bool:
        """Returns whether the end was reached."""
        trainer, chunk = self.trainer, self.chunk
        metrics, states = (self._spread(times) for times in (METRICS, STATES))
        if self.config.is_large:
            states -= {self.steps}  # the trained generator is written then
        checkpoints = checkpoint_steps(self.steps)
        read = metrics | checkpoints | states
        self._begin()
        while trainer.steps_done < self.steps and not (stop.is_set() and trainer.checked):
            self._step(trainer.steps_done + 1 in read)
            if trainer.steps_done in metrics:
                self._watch()
            if trainer.steps_done in checkpoints and self.sampled:
                self._sampled_generator().save(chunk.checkpoint(trainer.steps_done))
            if trainer.steps_done in states:
                trainer.keep(chunk.state)
            if time.monotonic() - self.reported_at > REPORT_EVERY_S:
                self._report()
        ended = trainer.steps_done == self.steps
        if trainer.steps_done not in states and not (ended and self.config.is_large):
            trainer.save(chunk.state)
        if ended:
            trainer.generator.save(chunk.trained)
            if self.config.is_large:
                chunk.remove_state()
        self._report()
        return ended

    def _spread(self, times: int) -> frozenset[int]:
        """The steps after which something is written so many times."""
        return evenly_spread(self.steps, min(times, -(-self.steps // STEPS_APART)) if self.config.is_large else times)

    def _sampled_generator(self) -> Generator:
        """The generator of the members whose training is kept: in a run that is not large, all."""
        generator, first = self.trainer.generator, self.chunk.members[0]
        if len(self.sampled) == generator.members:
            return generator
        return Generator.join([generator.member(member - first) for member in self.sampled])

    def _begin(self) -> None:
        """Start from the saved state if there is one, and drop logs past it; record where this is computed."""
        trainer, chunk, config = self.trainer, self.chunk, self.config
        if chunk.state.exists():
            trainer.restore(chunk.state)
        else:
            trainer.keep(chunk.state)
        chunk.rewind(trainer.steps_done, trainer.failures)
        versions, threads = current_versions(config.task, config.device), torch.get_num_threads()
        here = Provenance(members=self.members, step=trainer.steps_done, versions=versions, threads=threads)
        chunk.add_provenance(here)

    def _step(self, read: bool) -> None:
        """Do one step; where its state is read, recover members first."""
        before = len(self.trainer.failures)
        self.trainer.step()
        if read:
            self.trainer.recover()
        if failures := self.trainer.failures[before:]:
            self.chunk.write_failures(self.trainer.failures)
            for failure in failures:
                self.observe(Diverged(self.members, failure))

    def _report(self) -> None:
        self.reported_at = time.monotonic()
        self.observe(Trained(self.members, self.trainer.steps_done))

    def _watch(self) -> None:
        """Measure loss, KL and algorithm at each of WATCH_BETAS."""
        loss, kl, algorithm = [], [], []
        generator, seed = self.trainer.generator, self.config.seed
        for beta in WATCH_BETAS:
            networks, kls = generate(generator, beta, seed=seed, members=self.chunk.members, spec=self.config.spec)
            loss.append(finite(measure_loss(self.task, networks, seed=seed, inputs=WATCH_INPUTS).tolist()))
            kl.append(finite(kls.tolist()))
            algorithm.append([verdict.algorithm for verdict in classify(self.classifier, networks)])
        step = self.trainer.steps_done
        metrics = Metrics(step=step, time=time.time(), beta=WATCH_BETAS, loss=loss, kl=kl, algorithm=algorithm)
        self.chunk.append_metrics(dict(to_fields(metrics)))
        self.observe(Watched(self.members, metrics))
