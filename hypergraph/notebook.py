"""Runs from Python, as `hypergraph run` makes them, and what they found as arrays and tables."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypergraph.analysis.measure import check_beta
from hypergraph.cli.pipeline import complete
from hypergraph.cli.run import make_config, start_run
from hypergraph.errors import UsageError
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.result import read_result
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    import pandas


class Run:
    """A finished run.

    Args:
        path: its folder.

    Raises:
        UsageError, FileError: there is no run, or it is not finished.
    """

    def __init__(self, path: Path | str) -> None:
        self.directory = RunDirectory.open(Path(path))
        self.path = self.directory.path
        self.result = read_result(self.directory)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per member and price: member, beta, loss, kl (nats), decoder_loss, algorithm, confidence, file.

        Order parameters stand beside them by their names.
        """
        return [
            {name: value for name, value in network.items() if name != "order_parameters"} | network["order_parameters"]
            for network in self.result["networks"]
        ]

    def table(self) -> pandas.DataFrame:
        """:attr:`rows` as a data frame. Raises UsageError where pandas is not installed."""
        if importlib.util.find_spec("pandas") is None:
            raise UsageError("tables need pandas: pip install 'hypergraph-toolkit[pandas]'")
        import pandas

        return pandas.DataFrame(self.rows)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns of :attr:`rows` by name, each [row]; numbers that are missing are NaN."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: _column([row.get(name) for row in self.rows]) for name in names}

    def network(self, member: int, beta: float) -> MLPWeights:
        """The network of a member at the price nearest to `beta`. Raises UsageError where there is no such network."""
        check_beta(beta)
        rows = [row for row in self.rows if row["member"] == member]
        if not rows:
            raise UsageError(f"{self.path} has members 0 to {self.directory.config.members - 1}, not {member}")
        nearest = min(rows, key=lambda row: abs(np.log(row["beta"] / beta)))
        return MLPWeights.load(self.path / nearest["file"])[0]

    def figure(self, name: str) -> Path:
        """The PNG of a figure. Raises UsageError where the run has none of this name."""
        path = self.directory.figures / f"{name}.png"
        if not path.is_file():
            names = sorted(figure.stem for figure in self.directory.figures.glob("*.png"))
            raise UsageError(f"{self.path} has no figure {name!r}; there are {', '.join(names) or 'none'}")
        return path


def train(
    task: str,
    *,
    members: int | None = None,
    steps: int | None = None,
    layers: str | Sequence[str] = (),
    preset: str = "quick",
    wiring: float | None = None,
    options: Mapping[str, object] | None = None,
    seed: int = 0,
    device: str = "auto",
    out: Path | str | None = None,
) -> Run:
    """Train hypernetworks on a task and analyse them: `hypergraph run`, whose options these are.

    Interrupted, it has saved; `hypergraph run TASK --resume --out PATH` goes on. Raises HypergraphError.
    """
    texts = [f"{name}={value}" for name, value in (options or {}).items()]
    networks = [layers] if isinstance(layers, str) else list(layers)
    config = make_config(task, texts, members, steps, networks, preset, wiring, seed, device)
    directory = start_run(config, None if out is None else Path(out))
    complete(directory)
    return Run(directory.path)


def _column(values: list[Any]) -> np.ndarray[Any, Any]:
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values])
    return np.array(values)
