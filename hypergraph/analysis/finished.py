"""A finished run: what its result says, and what can be measured on it."""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hypergraph.analysis.baseline import BASELINE, BaselineRecord
from hypergraph.analysis.interventions import ABLATION, SHUFFLE, AblationRecord, ShuffleRecord
from hypergraph.analysis.kept import fresh_folder, kept, or_nan
from hypergraph.analysis.measure import check_beta
from hypergraph.analysis.phases import PHASES, PhaseRecord, checkpoint_parts, outcomes
from hypergraph.analysis.report import as_html, report
from hypergraph.analysis.sizes import (
    SIZES,
    SizeRecord,
    best_without_encoder,
    check_plane,
    mapped_sizes,
    size_parts,
    sizes_between,
)
from hypergraph.errors import MissingDataError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.records import NetworkRecord, to_fields
from hypergraph.runs.result import load_members, read_result
from hypergraph.training.schedule import draw_wiring
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    import pandas

K = TypeVar("K")


class FinishedRun:
    """A finished run, and its analyses, each measured once and kept in RUN/analysis/.

    Args:
        directory: whose training and sweep have ended.
        observe: is told of progress while something is measured.

    Raises:
        FileError: the run has no result yet, or none that can be read.
    """

    def __init__(self, directory: RunDirectory, observe: Observer = ignore) -> None:
        self.directory, self.path, self.config = directory, directory.path, directory.config
        self.observe = observe
        self.result = read_result(directory)

    @cached_property
    def networks(self) -> list[NetworkRecord]:
        """The networks that did not diverge, by member and beta. Raises MissingDataError where all did."""
        found = [n for n in self.result.networks if None not in (n.loss, n.kl, n.decoder_loss)]
        if not found:
            raise MissingDataError(f"every network of {self.path} diverged")
        return sorted(found, key=lambda network: (network.member, network.beta))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per member and price: member, beta, loss, kl (nats), decoder_loss, algorithm, confidence, file.

        Order parameters stand beside them by their names.
        """
        found = [dict(to_fields(network)) for network in self.result.networks]
        return [{**row, **parameters} for row in found for parameters in [row.pop("order_parameters")]]

    def table(self) -> pandas.DataFrame:
        """:attr:`rows` as a data frame. Raises UsageError where pandas is not installed."""
        if importlib.util.find_spec("pandas") is None:
            raise UsageError("tables need pandas: pip install 'hypergraph-toolkit[pandas]'")
        import pandas

        return pandas.DataFrame(self.rows)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns of :attr:`rows` by name, each [row]; numbers that are missing are NaN."""
        rows = self.rows
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: _column([row.get(name) for row in rows]) for name in names}

    def network(self, member: int, beta: float) -> MLPWeights:
        """The network of a member at the price nearest to `beta`. Raises UsageError where there is no such network."""
        check_beta(beta)
        found = [network for network in self.result.networks if network.member == member]
        if not found:
            raise UsageError(f"{self.path} has members 0 to {self.config.members - 1}, not {member}")
        return self.load_network(min(found, key=lambda network: abs(np.log(network.beta / beta))))

    def load_network(self, record: NetworkRecord) -> MLPWeights:
        """The network of a record. Raises FileError."""
        return MLPWeights.load(self.path / record.file)[0]

    def figure(self, name: str) -> Path:
        """The PNG of a figure. Raises UsageError where the run has none of this name."""
        path = self.directory.figures / f"{name}.png"
        if not path.is_file():
            names = sorted(figure.stem for figure in self.directory.figures.glob("*.png"))
            raise UsageError(f"{self.path} has no figure {name!r}; there are {', '.join(names) or 'none'}")
        return path

    def __repr__(self) -> str:
        return f"FinishedRun({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Show the table of the run in a notebook, and its figure of the algorithms where there is one."""
        path = self.directory.figures / "algorithms.png"
        picture = base64.b64encode(path.read_bytes()).decode() if path.is_file() else ""
        shown = f'<img style="max-width:100%" src="data:image/png;base64,{picture}">' if picture else ""
        return as_html(report(self.config, self.result)) + shown

    @cached_property
    def task(self) -> Task:
        """The run's task. Raises PluginError."""
        return TASKS.load(self.config.task, self.config.options)

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier of the run's task. Raises MissingDataError where none knows the run's networks."""
        classifier = classifier_for(self.config.task)
        if classifier is None or all(network.algorithm is None for network in self.networks):
            raise MissingDataError(f"no classifier knows networks {self.config.spec} of task {self.config.task}")
        return classifier

    @property
    def classified(self) -> list[NetworkRecord]:
        """The networks with a label and with finite order parameters."""
        labels = self.classifier.colours
        found = [network for network in self.networks if network.algorithm in labels]
        return [n for n in found if n.order_parameters and None not in n.order_parameters.values()]

    @cached_property
    def generator(self) -> Generator:
        """All members, trained. Raises FileError."""
        return load_members(self.directory.generator, self.config, self.config.members)

    def need_checkpoints(self) -> None:
        """Raise MissingDataError where the run keeps none of its training."""
        if not self.directory.checkpoints():
            raise MissingDataError(f"{self.path} keeps no checkpoints of a training")

    def need_encoder(self) -> None:
        """Raise MissingDataError where the generator was trained without an encoder."""
        if not self.generator.has_encoder:
            raise MissingDataError("the generator was trained without an encoder")

    @cached_property
    def analysis_folder(self) -> Path:
        """Where analyses are kept, emptied of those of other networks or versions. Raises FileError."""
        return fresh_folder(self)

    @cached_property
    def phases(self) -> list[PhaseRecord]:
        """What every member generated at every price and checkpoint. Raises MissingDataError."""
        self.need_checkpoints()
        self.classifier  # noqa: B018, without one there are no phases
        return kept(self, PHASES, checkpoint_parts(self.directory))

    @cached_property
    def outcomes(self) -> dict[int, str]:
        """How each member developed; unknown where the run keeps no checkpoints to tell by."""
        try:
            return outcomes(self.classifier, self.phases)
        except MissingDataError:
            return dict.fromkeys(range(self.config.members), UNKNOWN)

    @cached_property
    def wirings(self) -> dict[int, float]:
        """How far each member was wired at the start; empty for shipped generators."""
        recipe, seed = self.config.recipe, self.config.seed
        return {m: draw_wiring(recipe, seed, m) for m in range(self.config.members)} if recipe else {}

    @cached_property
    def sizes(self) -> list[SizeRecord]:
        """Losses over the plane of sizes, of the best member without its encoder. Raises MissingDataError."""
        check_plane(self)
        return kept(self, SIZES, size_parts([best_without_encoder(self)], mapped_sizes(self.config.specs)))

    @cached_property
    def unseen(self) -> list[SizeRecord]:
        """The same at every input size between those trained on. Raises MissingDataError."""
        check_plane(self)
        return kept(self, SIZES, size_parts([best_without_encoder(self)], sizes_between(self.config.specs)))

    @cached_property
    def best(self) -> NetworkRecord:
        """The network of lowest loss."""
        return min(self.networks, key=by_loss)

    @cached_property
    def baseline(self) -> list[BaselineRecord]:
        """The network trained by Adam, and then the generated one of lowest loss."""
        return kept(self, BASELINE, {"both": self.best})

    @cached_property
    def shuffle(self) -> list[ShuffleRecord]:
        """Every member at its best price, its learned variables shuffled. Raises MissingDataError."""
        self.need_encoder()
        best = best_of(self.networks, lambda network: network.member)
        return kept(self, SHUFFLE, {f"member{member}": best[member] for member in sorted(best)})

    @cached_property
    def ablation(self) -> list[AblationRecord]:
        """The best network of each algorithm and member, its weights cut. Raises MissingDataError."""
        best = best_of(self.classified, lambda network: (str(network.algorithm), network.member))
        return kept(self, ABLATION, {"all": [best[key] for key in sorted(best)]})


def by_loss(network: NetworkRecord) -> float:
    """Its loss, to sort networks by."""
    return or_nan(network.loss)


def best_of(networks: Iterable[NetworkRecord], key: Callable[[NetworkRecord], K]) -> dict[K, NetworkRecord]:
    """The network of lowest loss of every group, the lowest of all first."""
    best: dict[K, NetworkRecord] = {}
    for network in sorted(networks, key=by_loss):
        best.setdefault(key(network), network)
    return best


def _column(values: list[Any]) -> np.ndarray[Any, Any]:
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values])
    return np.array(values)
