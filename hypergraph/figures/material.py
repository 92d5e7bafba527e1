"""What the figures of a run are made of, each part computed when a figure first asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import mean
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from hypergraph.analysis.phases import Phase, outcomes, phases_at
from hypergraph.analysis.sizes import losses_at_size
from hypergraph.extensions.registry import TASKS, classifier_for, working_visualizers
from hypergraph.figures.output import MissingDataError, Row, by_group, coloured
from hypergraph.interfaces import UNKNOWN, Classifier, Task, Visualizer
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.members import load_members
from hypergraph.runs.records import to_fields
from hypergraph.runs.result import read_result
from hypergraph.spec import MLPSpec
from hypergraph.training.schedule import draw_wiring
from hypergraph.weights import MLPWeights

T = TypeVar("T")


class FinishedRun:
    """A finished run, and what can be measured on it.

    Args:
        run: whose training and analysis have ended.
        console: where progress is shown.

    Raises:
        FileError: the run has no result yet, or none that can be read.
        MissingDataError: all of its networks diverged.
    """

    def __init__(self, run: RunDirectory, console: Console) -> None:
        self.run, self.config, self.console = run, run.config, console
        self.task: Task = TASKS.load(run.config.task, run.config.options)
        self.networks = _networks(run)

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier of the run's task, where it knows the run's networks."""
        classifier = classifier_for(self.config.task)
        if classifier is None or all(row["algorithm"] is None for row in self.networks):
            raise MissingDataError(f"no classifier knows networks {self.config.spec} of task {self.config.task}")
        return classifier

    @property
    def classified(self) -> list[Row]:
        """The networks with a label and with finite order parameters."""
        labels = self.classifier.colours
        found = [row for row in self.networks if row["algorithm"] in labels]
        return [row for row in found if row["order_parameters"] and None not in row["order_parameters"].values()]

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
        return load_members(self.run.generator, self.config, self.config.members)

    def need_checkpoints(self) -> None:
        """Raise MissingDataError where the run keeps none of its training."""
        if not self.run.checkpoints():
            raise MissingDataError(f"{self.run.path} keeps no checkpoints of a training")

    def need_encoder(self) -> None:
        """Raise MissingDataError where the generator was trained without an encoder."""
        if not self.generator.has_encoder:
            raise MissingDataError("the generator was trained without an encoder")

    @cached_property
    def phases(self) -> list[Phase]:
        """What every member generated at every price and checkpoint."""
        self.need_checkpoints()
        classifier, seed, spec = self.classifier, self.config.seed, self.config.spec
        found: list[Phase] = []
        for step, members, path in self.track(self.run.checkpoints(), "classifying checkpoints"):
            generator = load_members(path, self.config, len(members))
            found += phases_at(generator, step, self.task, classifier, seed=seed, members=members, spec=spec)
        return found

    @cached_property
    def outcomes(self) -> dict[int, str]:
        """How each member developed; unknown where the run keeps no checkpoints to tell by."""
        try:
            return outcomes(self.classifier, self.phases)
        except MissingDataError:
            return dict.fromkeys(range(self.config.members), UNKNOWN)

    @property
    def outcome_colours(self) -> dict[str, str]:
        """A colour for each outcome that there may be, the same in every figure."""
        names = list(self.outcomes.values())
        with contextlib.suppress(MissingDataError):
            names += self.classifier.outcomes
        return coloured(names)

    @cached_property
    def wirings(self) -> dict[int, float]:
        """How far each member was wired at the start; empty for shipped generators."""
        recipe, seed = self.config.recipe, self.config.seed
        return {m: draw_wiring(recipe, seed, m) for m in range(self.config.members)} if recipe else {}

    @cached_property
    def best_without_encoder(self) -> Row:
        """The row of the member that does best with its encoder ignored, at its best price.

        Of a generator of several networks, the member that is best on average over these.
        """
        by_member = by_group(sorted(self.networks, key=lambda row: row["decoder_loss"]), "member")
        candidates = [networks[0] for networks in by_member.values()]
        specs = self.config.specs
        if len(specs) == 1:
            return candidates[0]
        return min(candidates, key=lambda row: mean(self.losses_at_size(row, spec)["own"] for spec in specs))

    def losses_at_size(self, row: Row, spec: MLPSpec) -> dict[str, float]:
        """What the member of a row makes of `spec` at that row's price; see :mod:`hypergraph.analysis.sizes`."""
        member, config = row["member"], self.config
        one = self.generator.member(member)
        return losses_at_size(one, row["beta"], self.task, spec, config.spec, seed=config.seed, member=member)

    def network(self, row: Row) -> MLPWeights:
        """The network of one row of the result. Raises FileError."""
        return MLPWeights.load(self.run.path / row["file"])[0]

    def track(self, items: Sequence[T], description: str) -> Iterable[T]:
        """The items, with a bar while they are worked through."""
        shown = self.console.is_terminal
        return track(items, description, console=self.console, transient=True, disable=not shown)


def _networks(run: RunDirectory) -> list[Row]:
    """The networks of a result that did not diverge, by member and beta. Raises FileError, MissingDataError."""
    rows: list[Row] = to_fields(read_result(run).networks)
    finite = [row for row in rows if None not in (row["loss"], row["kl"], row["decoder_loss"])]
    if not finite:
        raise MissingDataError(f"every network of {run.path} diverged")
    return sorted(finite, key=lambda row: (row["member"], row["beta"]))
