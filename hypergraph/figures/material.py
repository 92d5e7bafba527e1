"""What the figures of a run are made of, each part computed when a figure first asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from rich.console import Console
from rich.progress import track

from hypergraph.analysis.phases import Phase, outcomes, phases_at
from hypergraph.errors import FileError
from hypergraph.figures.sheet import MissingDataError
from hypergraph.files import read_json
from hypergraph.interfaces import UNKNOWN, Classifier, Task, Visualizer
from hypergraph.model.generator import Generator
from hypergraph.registry import TASKS, classifier_for, working_visualizers
from hypergraph.runs.directory import RunDirectory
from hypergraph.weights import MLPWeights


class Material:
    """A finished run, and what can be measured on it.

    Args:
        run: whose training and analysis have ended.
        console: where progress is shown.

    Raises:
        FileError: the run has no result yet, or none that can be read.
    """

    def __init__(self, run: RunDirectory, console: Console) -> None:
        self.run, self.config, self.console = run, run.config, console
        self.task: Task = TASKS.load(run.config.task)
        if not run.result.is_file() or not run.generator.is_file():
            raise FileError(
                f"{run.path} is not finished: go on with hypergraph run {run.config.task} --resume --out it"
            )
        result = read_json(run.result)
        self.networks: list[dict[str, Any]] = [row for row in result["networks"] if row["loss"] is not None]
        if not self.networks:
            raise MissingDataError(f"every network of {run.path} diverged")

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier of the run's task, where it knows the run's networks."""
        classifier = classifier_for(self.config.task)
        if classifier is None or all(row["algorithm"] is None for row in self.networks):
            raise MissingDataError(f"no classifier knows networks {self.config.spec} of task {self.config.task}")
        return classifier

    @cached_property
    def visualizer(self) -> Visualizer:
        """The first visualizer that loads."""
        visualizers = working_visualizers()
        if not visualizers:
            raise MissingDataError("no visualizer is installed")
        return visualizers[0]

    @cached_property
    def generator(self) -> Generator:
        """All members, trained."""
        return Generator.load(self.run.generator)[0]

    def need_encoder(self) -> None:
        """Raise MissingDataError where the generator was trained without an encoder."""
        if not self.generator.has_encoder:
            raise MissingDataError("the generator was trained without an encoder")

    @cached_property
    def phases(self) -> list[Phase]:
        """What every member generated at every price and checkpoint."""
        checkpoints = self.run.checkpoints()
        if not checkpoints:
            raise MissingDataError(f"{self.run.path} keeps no checkpoints of a training")
        classifier = self.classifier
        found: list[Phase] = []
        for step, members, path in track(
            checkpoints,
            "classifying checkpoints",
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ):
            generator, _ = Generator.load(path)
            seed, spec = self.config.seed, self.config.spec
            found += phases_at(generator, step, self.task, classifier, seed=seed, members=members, spec=spec)
        return found

    @cached_property
    def outcomes(self) -> dict[int, str]:
        """How each member developed; unknown where the run keeps no checkpoints to tell by."""
        try:
            return outcomes(self.classifier, self.phases)
        except MissingDataError:
            return dict.fromkeys(range(self.config.members), UNKNOWN)

    def network(self, row: dict[str, Any]) -> MLPWeights:
        """The network of one row of the result. Raises FileError."""
        return MLPWeights.load(self.run.path / row["file"])[0]
