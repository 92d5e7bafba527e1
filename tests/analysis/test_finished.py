"""A finished run from Python: its rows are those of its result, and its networks those that it kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import FileError, MissingDataError, UsageError
from hypergraph.runs.directory import RunDirectory
from hypergraph.storage.atomic import write_json
from hypergraph.storage.untrusted import read_json
from hypergraph.weights import MLPWeights


@pytest.fixture
def finished(run: tuple[Path, str, str]) -> FinishedRun:
    return FinishedRun(RunDirectory.open(run[0]))


def test_rows_are_those_of_the_result(finished: FinishedRun) -> None:
    columns, first = finished.arrays(), finished.result.networks[0]
    assert len(finished.rows) == 2 * 31 == len(columns["loss"])
    assert finished.rows[0]["loss"] == first.loss == columns["loss"][0]
    assert columns["assignment"].dtype == np.float64
    assert columns["assignment"][0] == first.order_parameters["assignment"]
    assert columns["algorithm"][0] == first.algorithm


def test_tables_have_the_same_columns(finished: FinishedRun) -> None:
    pytest.importorskip("pandas")
    assert list(finished.table().columns) == list(finished.arrays())


def test_a_network_is_that_of_the_nearest_price(finished: FinishedRun) -> None:
    network = finished.network(1, 3e-12)
    (row,) = [row for row in finished.rows if row["member"] == 1 and abs(row["beta"] / 2.5e-12 - 1) < 0.1]
    assert torch.equal(network.weights[0], MLPWeights.load(finished.path / row["file"])[0].weights[0])


def test_what_is_not_there_is_told(finished: FinishedRun) -> None:
    with pytest.raises(UsageError, match="members 0 to 1, not 2"):
        finished.network(2, 1.0)
    with pytest.raises(UsageError, match="no figure 'none'; there are ablation"):
        finished.figure("none")


@pytest.mark.parametrize("beta", [0, -1, float("nan"), float("inf"), 2])
def test_a_price_that_cannot_be_is_told(finished: FinishedRun, beta: float) -> None:
    with pytest.raises(UsageError, match="is no price"):
        finished.network(0, beta)


def test_missing_pandas_is_named(finished: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'hypergraph-toolkit\[pandas\]'"):
        finished.table()


def test_a_run_of_which_all_diverged_has_rows_and_no_networks(copied: Path) -> None:
    result = read_json(copied / "result.json")
    result["networks"] = [{**row, "loss": None} for row in result["networks"]]
    write_json(copied / "result.json", result)
    finished = FinishedRun(RunDirectory.open(copied))
    assert np.isnan(finished.arrays()["loss"]).all()
    with pytest.raises(MissingDataError, match=r"every network of .* diverged"):
        _ = finished.networks


def test_a_run_that_is_not_finished_is_told(copied: Path) -> None:
    (copied / "result.json").unlink()
    with pytest.raises(FileError, match="is not finished"):
        FinishedRun(RunDirectory.open(copied))
