"""Trains one chunk of a run's members, in any process and any thread: what every engine calls."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.errors import BusyError, FileError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Diverged, Observer, Trained, Watched
from hypergraph.runs.provenance import current_versions
from hypergraph.runs.records import Metrics, Provenance, to_fields
from hypergraph.storage.atomic import finite
from hypergraph.training.memory import needs_recompute
from hypergraph.training.step import Trainer

WATCH_BETAS = (1e-9, 1e-4, 1.0)
"""A low, a middle and a high beta, at which training is watched."""
WATCH_INPUTS = 2_000
METRICS, STATES, CHECKPOINTS = 100, 20, 20
"""How often over a whole training metrics are written, the state is saved, and a generator is kept."""
TELL_EVERY_S = 1


def train_chunk(run: RunDirectory, chunk: Chunk, observe: Observer, stop: threading.Event) -> bool:
    """Train a chunk to its end, or until `stop` is set, and save; one that was saved is gone on with.

    It holds the chunk meanwhile, and waits for whoever holds it, such as a worker whose engine was killed and that is
    at its last step. `observe` is called in this thread. The caller chooses torch's number of threads, as the run's
    configuration has it: nothing that belongs to the whole process is changed here.

    Returns whether the end was reached.

    Raises:
        HypergraphError: a file cannot be read or written, a plugin is broken, or a member diverges at once.
        Exception: whatever the task raises, of which `attribute_error` tells.
    """
    with _held(chunk, stop) as held:
        return held and _ChunkTraining(run, chunk, observe).train(stop)


@contextmanager
def _held(chunk: Chunk, stop: threading.Event) -> Iterator[bool]:
    """Hold a chunk, as soon as it is free, unless asked to stop before."""
    while not stop.is_set():
        with ExitStack() as stack:
            try:
                stack.enter_context(chunk.lock())
            except BusyError:
                stop.wait(0.1)
                continue
            yield True
            return
    yield False


def evenly_spread(steps: int, times: int) -> frozenset[int]:
    """So many of a training's steps, all where it has fewer: equally far apart, and the last one."""
    return frozenset(math.ceil(steps * n / times) for n in range(1, times + 1))


def checkpoint_steps(steps: int) -> frozenset[int]:
    """The steps whose generators are kept: closer together at first, when algorithms form, and the last one."""
    return frozenset(max(1, round(steps * (n / CHECKPOINTS) ** 2)) for n in range(1, CHECKPOINTS + 1))


class _ChunkTraining:
    """The training of a chunk that is held."""

    def __init__(self, run: RunDirectory, chunk: Chunk, observe: Observer) -> None:
        config = run.config
        if config.recipe is None:
            raise FileError(f"{run.path} is a run of shipped generators: there is nothing to train")
        self.chunk, self.config, self.steps = chunk, config, config.recipe.steps
        self.observe, self.members = observe, (chunk.members[0], chunk.members[-1])
        self.task = TASKS.load(config.task, config.options)
        self.classifier = classifier_for(config.task)
        device = torch.device(config.device)
        self.trainer = Trainer(self.task, config.specs, config.recipe, config.seed, chunk.members, device)
        self.trainer.generator.recompute = needs_recompute(config.largest, config.members, config.device)
        self.told = -math.inf

    def train(self, stop: threading.Event) -> bool:
        """Returns whether the end was reached."""
        trainer, chunk = self.trainer, self.chunk
        watched, kept = evenly_spread(self.steps, METRICS), evenly_spread(self.steps, STATES)
        checkpoints = checkpoint_steps(self.steps)
        self._begin()
        while trainer.steps_done < self.steps and not stop.is_set():
            self._step()
            if trainer.steps_done in watched:
                self._watch()
            if trainer.steps_done in checkpoints:
                trainer.generator.save(chunk.checkpoint(trainer.steps_done))
            if trainer.steps_done in kept:
                trainer.keep(chunk.state)
            if time.monotonic() - self.told > TELL_EVERY_S:
                self._tell()
        if trainer.steps_done not in kept:
            trainer.save(chunk.state)
        if trainer.steps_done == self.steps:
            trainer.generator.save(chunk.trained)
        self._tell()
        return trainer.steps_done == self.steps

    def _begin(self) -> None:
        """Start, or go on from what was saved; what was logged past it is dropped."""
        trainer, chunk, config = self.trainer, self.chunk, self.config
        if chunk.state.exists():
            trainer.restore(chunk.state)
        else:
            trainer.keep(chunk.state)
        chunk.rewind(trainer.steps_done, trainer.failures)
        versions, threads = current_versions(config.task, config.device), torch.get_num_threads()
        chunk.add_provenance(
            Provenance(members=self.members, step=trainer.steps_done, versions=versions, threads=threads)
        )

    def _step(self) -> None:
        before = len(self.trainer.failures)
        self.trainer.step()
        if failures := self.trainer.failures[before:]:
            self.chunk.write_failures(self.trainer.failures)
            for failure in failures:
                self.observe(Diverged(self.members, failure))

    def _tell(self) -> None:
        self.told = time.monotonic()
        self.observe(Trained(self.members, self.trainer.steps_done))

    def _watch(self) -> None:
        """Measure loss, KL and algorithm at each of WATCH_BETAS."""
        loss, kl, algorithm = [], [], []
        generator, seed = self.trainer.generator, self.config.seed
        for beta in WATCH_BETAS:
            sample = generate(generator, beta, seed=seed, members=self.chunk.members, spec=self.config.spec)
            loss.append(finite(measure_loss(self.task, sample.networks, seed=seed, inputs=WATCH_INPUTS).tolist()))
            kl.append(finite(sample.kl.tolist()))
            algorithm.append([verdict.algorithm for verdict in classify(self.classifier, sample.networks)])
        step = self.trainer.steps_done
        metrics = Metrics(step=step, time=time.time(), beta=WATCH_BETAS, loss=loss, kl=kl, algorithm=algorithm)
        self.chunk.append_metrics(dict(to_fields(metrics)))
        self.observe(Watched(self.members, metrics))
