"""A finished run: its result, its networks, and the analyses that can be measured on it."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypergraph.analysis.baseline import measure_baseline
from hypergraph.analysis.families import run_families, that_converged
from hypergraph.analysis.interventions import measure_ablation, measure_shuffle
from hypergraph.analysis.kept import fresh_folder
from hypergraph.analysis.measure import by_loss, check_beta
from hypergraph.analysis.phases import measure_phases, outcomes
from hypergraph.analysis.population import generate_again, row_count
from hypergraph.analysis.programs import measure_programs
from hypergraph.analysis.report import as_html, report
from hypergraph.analysis.sizes import measure_between, measure_plane
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.errors import MissingDataError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.jobs import Map, map_here
from hypergraph.runs.records import NetworkRecord, to_fields
from hypergraph.runs.result import load_members, read_result
from hypergraph.runs.table import open_table
from hypergraph.storage.schema import as_member
from hypergraph.training.schedule import draw_wiring
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    import pandas
    import pyarrow


class FinishedRun:
    """A finished run and its analyses, each measured once and kept in RUN/analysis/.

    Of a large run (`RunConfig.is_large`), all but `rows`, `table`, `arrays` and `network` is of its sample.

    Args:
        directory: of a run whose training and sweep have ended.
        observe: receives the progress of analyses.
        scratch: an empty folder that is used instead of RUN/analysis/, for a run that must not be written into.
        each: does the jobs of analyses.

    Raises:
        FileError: the run has no readable result.
    """

    def __init__(
        self,
        directory: RunDirectory,
        observe: Observer = ignore,
        scratch: Path | None = None,
        each: Map = map_here,
    ) -> None:
        self.directory, self.path, self.config = directory, directory.path, directory.config
        self.observe, self.scratch, self.each = observe, scratch, each
        self.result = read_result(directory)

    @cached_property
    def networks(self) -> list[NetworkRecord]:
        """The networks that did not diverge, by member and beta. Raises MissingDataError where all did."""
        networks = that_converged(self.result.networks)
        if not networks:
            raise MissingDataError(f"every network of {self.path} diverged")
        return networks

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per member and price: the fields of NetworkRecord, and each order parameter under its name.

        Raises FileError for the table of a large run.
        """
        if self.config.is_large:
            with self._table() as table:
                rows: list[dict[str, Any]] = table.to_pylist()
            return rows
        records = map(to_fields, self.result.networks)
        return [{**row, **parameters} for row in records for parameters in [row.pop("order_parameters")]]

    def table(self) -> pandas.DataFrame:
        """`rows` as a data frame. Raises UsageError where pandas is not installed, and as `rows` does."""
        if importlib.util.find_spec("pandas") is None:
            raise UsageError("tables need pandas: pip install 'hypergraph-toolkit[pandas]'")
        import pandas

        if not self.config.is_large:
            return pandas.DataFrame(self.rows)
        with self._table() as table:
            frame: pandas.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns of `rows` by name, each [row]; missing numbers are NaN."""
        rows = self.rows
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: _column([row.get(name) for row in rows]) for name in names}

    @contextlib.contextmanager
    def _table(self) -> Iterator[pyarrow.Table]:
        """The table of a large run, whole. Raises FileError."""
        with open_table(self.directory.table, row_count(self.config)) as file:
            table = file.read()
            table.validate(full=True)
            yield table

    def network(self, member: int, beta: float) -> MLPWeights:
        """The network of a member at the price nearest to `beta`. Raises UsageError for another member or price."""
        member, beta = as_member(member, self.config.members, self.path), check_beta(beta)
        if member not in self.config.sample:
            nearest = min(BETA_GRID, key=lambda price: _apart(price, beta))
            return generate_again(self.directory, member, nearest).networks
        networks = [network for network in self.result.networks if network.member == member]
        return self.load_network(min(networks, key=lambda network: _apart(network.beta, beta)))

    def load_network(self, record: NetworkRecord) -> MLPWeights:
        """The network of a record. Raises FileError."""
        return MLPWeights.load(self.path / record.file)[0]

    def figure(self, name: str) -> Path:
        """The PNG of a figure. Raises UsageError where the run has no such figure."""
        path = self.directory.figures / f"{name}.png"
        if not path.is_file():
            names = sorted(figure.stem for figure in self.directory.figures.glob("*.png"))
            raise UsageError(f"{self.path} has no figure {name!r}; there are {', '.join(names) or 'none'}")
        return path

    def __repr__(self) -> str:
        return f"FinishedRun({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Show the report in a notebook, and the figure of the algorithms if it was drawn."""
        html, path = as_html(report(self.config, self.result)), self.directory.figures / "algorithms.png"
        if not path.is_file():
            return html
        data = base64.b64encode(path.read_bytes()).decode()
        return f'{html}<img style="max-width:100%" src="data:image/png;base64,{data}">'

    @cached_property
    def task(self) -> Task:
        """The run's task. Raises PluginError."""
        return TASKS.load(self.config.task, self.config.options)

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier of the run's task, or the families found in its place.

        Raises MissingDataError where neither labels the run's networks.
        """
        if self.directory.families.is_file():
            return self.families
        classifier = classifier_for(self.config.task)
        if classifier is None or all(network.algorithm is None for network in self.networks):
            raise MissingDataError(f"no classifier knows networks {self.config.spec} of task {self.config.task}")
        return classifier

    @property
    def classified(self) -> list[NetworkRecord]:
        """The networks with a label and with finite order parameters. Raises MissingDataError."""
        labels = self.classifier.colours
        networks = [network for network in self.networks if network.algorithm in labels]
        return [n for n in networks if n.order_parameters and None not in n.order_parameters.values()]

    @cached_property
    def generator(self) -> Generator:
        """The trained generator of all members. Raises FileError, and UsageError for a large run."""
        if self.config.is_large:
            raise UsageError(f"{self.path} keeps the generators of its {self.config.members:,} members apart")
        return load_members(self.directory.generator, self.config, self.config.members)

    def generator_of(self, member: int) -> Generator:
        """The trained generator of one member. Raises FileError."""
        if not self.config.is_large:
            return self.generator.member(member)
        chunk = self.directory.chunk_of(member)
        return load_members(chunk.trained, self.config, len(chunk.members)).member(member - chunk.members[0])

    def need_checkpoints(self) -> None:
        """Raise MissingDataError where the run has no checkpoints of its training."""
        if not self.directory.checkpoints():
            raise MissingDataError(f"{self.path} keeps no checkpoints of a training")

    def need_encoder(self) -> None:
        """Raise MissingDataError where the generator was trained without an encoder."""
        if not self.generator_of(self.config.sample[0]).has_encoder:
            raise MissingDataError("the generator was trained without an encoder")

    @cached_property
    def best(self) -> NetworkRecord:
        """The network of lowest loss."""
        return min(self.networks, key=by_loss)

    @cached_property
    def wirings(self) -> dict[int, float]:
        """The initial wiring of each member; empty for shipped generators."""
        recipe, seed = self.config.recipe, self.config.seed
        return {m: draw_wiring(recipe, seed, m) for m in self.config.sample} if recipe else {}

    @cached_property
    def outcomes(self) -> dict[int, str]:
        """How each member developed; unknown where the run has no checkpoints."""
        try:
            return outcomes(self.classifier, self.phases)
        except MissingDataError:
            return dict.fromkeys(self.config.sample, UNKNOWN)

    # The analyses: each function says what it measures and what it raises.
    analysis_folder = cached_property(fresh_folder)
    families = cached_property(run_families)
    programs = cached_property(measure_programs)
    phases = cached_property(measure_phases)
    sizes = cached_property(measure_plane)
    unseen = cached_property(measure_between)
    baseline = cached_property(measure_baseline)
    shuffle = cached_property(measure_shuffle)
    ablation = cached_property(measure_ablation)


def _apart(price: float, other: float) -> float:
    """How far two prices are apart."""
    return abs(math.log(price / other))


def _column(values: list[Any]) -> np.ndarray[Any, Any]:
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values])
    return np.array(values)
