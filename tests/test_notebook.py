"""Runs from Python: the page about it does what it says, and a run's rows are those of its result."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from hypergraph import notebook
from hypergraph.errors import UsageError
from hypergraph.notebook import Run
from hypergraph.runs.config import RunConfig
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

PAGE = (Path(__file__).parents[1] / "docs" / "notebook.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.usefixtures("brief_baseline")
def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert len(BLOCKS[0].strip().splitlines()) <= 11
    for block in BLOCKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter has some of its own
            exec(block.replace("members=4, steps=10_000", "members=1, steps=10"), names)
    assert isinstance(names["outputs"], torch.Tensor)
    assert names["outputs"].shape == (3, 1)
    assert (tmp_path / "network.onnx").exists()


def test_rows_are_those_of_the_result(run: tuple[Path, str, str]) -> None:
    opened = Run(run[0])
    columns = opened.arrays()
    assert len(opened.rows) == 2 * 31 == len(columns["loss"])
    first = opened.result["networks"][0]
    assert opened.rows[0]["loss"] == first["loss"] == columns["loss"][0]
    assert columns["assignment"].dtype == np.float64
    assert columns["assignment"][0] == first["order_parameters"]["assignment"]
    assert columns["algorithm"][0] == first["algorithm"]


def test_tables_have_the_same_columns(run: tuple[Path, str, str]) -> None:
    pytest.importorskip("pandas")
    opened = Run(run[0])
    assert list(opened.table().columns) == list(opened.arrays())


def test_a_network_is_that_of_the_nearest_price(run: tuple[Path, str, str]) -> None:
    opened = Run(run[0])
    network = opened.network(1, 3e-12)
    (row,) = [row for row in opened.rows if row["member"] == 1 and abs(row["beta"] / 2.5e-12 - 1) < 0.1]
    assert torch.equal(network.weights[0], MLPWeights.load(run[0] / row["file"])[0].weights[0])


def test_what_is_not_there_is_told(run: tuple[Path, str, str], tmp_path: Path) -> None:
    opened = Run(run[0])
    with pytest.raises(UsageError, match="members 0 to 1, not 2"):
        opened.network(2, 1.0)
    with pytest.raises(UsageError, match="no figure 'none'; there are ablation"):
        opened.figure("none")
    with pytest.raises(UsageError, match="holds no run"):
        Run(tmp_path)


@pytest.mark.parametrize("beta", [0, -1, float("nan"), float("inf"), 2])
def test_a_price_that_cannot_be_is_told(run: tuple[Path, str, str], beta: float) -> None:
    with pytest.raises(UsageError, match="is no price"):
        Run(run[0]).network(0, beta)


def test_layers_may_be_one_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunConfig] = []

    def start_run(config: RunConfig, out: Path | None) -> None:
        asked.append(config)
        raise UsageError("enough")

    monkeypatch.setattr(notebook, "start_run", start_run)
    for layers in ("4,8,1", ["4,8,1"]):
        with pytest.raises(UsageError, match="enough"):
            notebook.train("l1norm", layers=layers)
    assert [config.specs for config in asked] == [(MLPSpec((4, 8, 1)),)] * 2


def test_missing_pandas_is_named(run: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Run(run[0])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'hypergraph-toolkit\[pandas\]'"):
        opened.table()
