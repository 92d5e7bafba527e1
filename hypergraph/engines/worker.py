"""Trains one chunk of a run's members in a process of its own: python -m hypergraph.engines.worker RUN FIRST LAST.

Progress goes to standard output, a JSON object per line. The worker stops, after the step it is at and saving, when its
standard input ends, so that it never outlives whoever started it, or at SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import torch

from hypergraph.analysis.classify import classify
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.errors import BusyError, FileError, HypergraphError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.training.memory import needs_recompute
from hypergraph.training.step import Trainer

STOPPED = 3
"""Exit status of a worker that was asked to stop and saved."""
WATCH_BETAS = (1e-9, 1e-4, 1.0)
"""A low, a middle and a high beta, at which training is watched."""
WATCH_INPUTS = 2_000
_reports: TextIO = sys.stdout
METRICS, STATES, CHECKPOINTS = 100, 20, 20
"""How often over a whole training metrics are written, the state is saved, and a checkpoint is kept."""


def checkpoint_steps(steps: int) -> frozenset[int]:
    """The steps whose generators are kept: closer together at first, when algorithms form, and the last one."""
    return frozenset(max(1, round(steps * (n / CHECKPOINTS) ** 2)) for n in range(1, CHECKPOINTS + 1))


class Worker:
    """The training of one chunk."""

    def __init__(self, run: RunDirectory, chunk: Chunk, stop: threading.Event) -> None:
        config = run.config
        if config.recipe is None:
            raise FileError(f"{run.path} is a run of shipped generators: there is nothing to train")
        self.chunk, self.config, self.steps = chunk, config, config.recipe.steps
        self.task = TASKS.load(config.task, config.options)
        self.classifier = classifier_for(config.task)
        device = torch.device(config.device)
        self.trainer = Trainer(self.task, config.specs, config.recipe, config.seed, chunk.members, device)
        self.trainer.generator.recompute = needs_recompute(config.largest, config.members, config.device)
        self.stop = stop
        torch.set_num_threads(config.threads)  # what OMP_NUM_THREADS says is cut to the number of cores

    def run(self) -> bool:
        """Train to the end or until asked to stop. Returns whether the end was reached."""
        trainer, chunk = self.trainer, self.chunk
        if chunk.state.exists():
            trainer.restore(chunk.state)
        else:
            trainer.keep(chunk.state)
        chunk.rewind(trainer.steps_done, trainer.failures)
        kept, saved, told = checkpoint_steps(self.steps), trainer.steps_done, 0.0
        while trainer.steps_done < self.steps and not self.stop.is_set():
            self._step()
            if self._due(METRICS):
                self._report()
            if trainer.steps_done in kept:
                trainer.generator.save(chunk.checkpoint(trainer.steps_done))
            if self._due(STATES):
                trainer.keep(chunk.state)
                saved = trainer.steps_done
            if time.monotonic() - told > 1:
                told = time.monotonic()
                _tell({"step": trainer.steps_done})
        if trainer.steps_done > saved:
            trainer.save(chunk.state)
        if trainer.steps_done < self.steps:
            return False
        trainer.generator.save(chunk.trained)
        return True

    def _step(self) -> None:
        trainer = self.trainer
        before = len(trainer.failures)
        trainer.step()
        if len(trainer.failures) > before:
            self.chunk.write_failures(trainer.failures)
        for failure in trainer.failures[before:]:
            _tell({"step": trainer.steps_done, "failure": str(failure)})

    def _due(self, times: int) -> bool:
        """Whether this step is one of `times` steps spread evenly over the training."""
        done = self.trainer.steps_done
        return done * times // self.steps > (done - 1) * times // self.steps

    def _report(self) -> None:
        row = {"step": self.trainer.steps_done, "time": time.time(), "beta": WATCH_BETAS, **self._watch()}
        self.chunk.append_metrics(row)
        _tell(row)

    def _watch(self) -> dict[str, list[Any]]:
        """Loss, KL and algorithm at each of WATCH_BETAS, each [beta][member]."""
        watched: dict[str, list[Any]] = {"loss": [], "kl": [], "algorithm": []}
        generator, seed = self.trainer.generator, self.config.seed
        for beta in WATCH_BETAS:
            sample = generate(generator, beta, seed=seed, members=self.chunk.members, spec=self.config.spec)
            watched["loss"].append(measure_loss(self.task, sample.networks, seed=seed, inputs=WATCH_INPUTS).tolist())
            watched["kl"].append(sample.kl.tolist())
            watched["algorithm"].append([v.algorithm for v in classify(self.classifier, sample.networks)])
        return watched


def _tell(row: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever listened is gone: standard input ends too, and stops us
        print(json.dumps(row), file=_reports, flush=True)


def _stop_with_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main(path: str, first: str, last: str) -> int:
    """Train members FIRST to LAST of the run in `path`. Returns the exit status."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_stop_with_input, args=(stop,), daemon=True).start()
    run = RunDirectory.open(Path(path))
    chunk = Chunk(run.training, range(int(first), int(last) + 1))
    while not stop.is_set():
        try:
            with chunk.lock():
                return 0 if Worker(run, chunk, stop).run() else STOPPED
        except BusyError:
            time.sleep(0.1)
    return STOPPED


if __name__ == "__main__":
    _reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a plugin prints goes to the log, not between the reports
    try:
        status = main(*sys.argv[1:])
    except BaseException as error:  # a plugin may end with sys.exit, or raise whatever it likes
        told = error if isinstance(error, HypergraphError) else attribute_error(error)
        if told is None:
            raise
        _tell({"error": str(told)})
        status = 1
    sys.exit(status)
