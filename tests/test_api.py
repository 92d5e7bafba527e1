"""`import hypergraph`: the pages about it do what they say, and what it gives is what the command line gives."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from folders import state_of
from processes import python

import hypergraph as hg
from hypergraph.errors import UsageError
from hypergraph.experiment import api
from hypergraph.experiment.plan import Request
from hypergraph.runs.events import Drawn, Event, Progressed, Trained, Watched

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str) -> list[str]:
    """The Python of a page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.S)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.slow
@pytest.mark.usefixtures("brief_baseline")
def test_the_notebook_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("notebook.md"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter has some of its own
            exec(block.replace("members=4, steps=10_000", "members=1, steps=10"), names)
    assert names["outputs"].shape == (3, 1)
    assert (tmp_path / "network.onnx").exists()


def test_the_papers_experiment_takes_ten_lines_and_one_import() -> None:
    first = lines(blocks("notebook.md")[0])
    assert len(first) <= 10
    assert [line for line in first if "import" in line] == ["import hypergraph as hg"]
    assert lines(blocks("../README.md")[-1]) == first


@pytest.mark.slow
def test_the_loop_page_trains_in_thirty_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("training-loop.md")
    assert len(lines(block)) <= 30
    names: dict[str, Any] = {}
    exec(block.replace("range(1_000)", "range(40)"), names)
    assert names["loss"].isfinite().all()
    assert names["loss"][0].item() < 0.1
    assert hg.load_network(tmp_path / "product.safetensors").spec == names["spec"]


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, hypergraph as hg\n"
        "assert set(hg.__all__) == set(dir(hg))\n"
        "assert hg.MLPSpec((4, 8, 1)).weight_count == 40\n"
        "assert not {'torch', 'dgl', 'matplotlib', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
        "from hypergraph import *\n"
        "assert callable(train)\n"
        "try: hg.nothing\n"
        "except AttributeError as error: assert 'nothing' in str(error)\n"
    )
    python(code)


def test_every_public_name_is_documented() -> None:
    for name in hg.__all__:
        assert getattr(hg, name).__doc__, name


@pytest.mark.slow
def test_an_observer_is_told_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is printed."""
    events: list[Event] = []
    options: dict[str, Any] = {"members": 2, "steps": 4, "layers": "2,4,1", "out": tmp_path / "run"}
    run = hg.train("l1norm", **options, observe=events.append)
    assert {type(event) for event in events} >= {Trained, Watched, Progressed, Drawn}
    assert max(event.step for event in events if isinstance(event, Trained)) == 4
    assert {event.stage for event in events if isinstance(event, Progressed)} >= {"sweeping beta"}
    assert capsys.readouterr() == ("", "")
    assert len(run.networks) == 2 * 31


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {"members": 1, "steps": 6, "layers": "2,4,1"}

    def interrupt(event: Event) -> None:
        if isinstance(event, Watched) and event.metrics.step >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hg.train("l1norm", **options, out=tmp_path / "broken", observe=interrupt)
    with pytest.raises(hg.HypergraphError, match="not finished"):
        hg.open_run(tmp_path / "broken")
    resumed = hg.resume(tmp_path / "broken", observe=lambda event: None)
    whole = hg.train("l1norm", **options, out=tmp_path / "whole", observe=lambda event: None)
    assert resumed.result.networks == whole.result.networks


def test_rows_are_those_of_the_result(run: tuple[Path, str, str]) -> None:
    opened = hg.open_run(run[0])
    columns = opened.arrays()
    assert len(opened.rows) == 2 * 31 == len(columns["loss"])
    first = opened.result.networks[0]
    assert opened.rows[0]["loss"] == first.loss == columns["loss"][0]
    assert columns["assignment"][0] == first.order_parameters["assignment"]
    assert columns["algorithm"][0] == first.algorithm


def test_tables_have_the_same_columns(run: tuple[Path, str, str]) -> None:
    pytest.importorskip("pandas")
    opened = hg.open_run(run[0])
    assert list(opened.table().columns) == list(opened.arrays())


def test_a_network_is_that_of_the_nearest_price(run: tuple[Path, str, str]) -> None:
    opened = hg.open_run(run[0])
    network = opened.network(1, 3e-12)
    (row,) = [row for row in opened.rows if row["member"] == 1 and abs(row["beta"] / 2.5e-12 - 1) < 0.1]
    assert torch.equal(network.weights[0], hg.load_network(run[0] / row["file"]).weights[0])


def test_a_network_is_classified_as_in_the_run(run: tuple[Path, str, str]) -> None:
    record = hg.open_run(run[0]).result.networks[0]
    verdict = hg.classify(run[0] / record.file)
    assert verdict.algorithm == record.algorithm
    assert hg.classify(hg.load_network(run[0] / record.file), "l1norm") == verdict
    with pytest.raises(UsageError, match="does not say its task"):
        hg.classify(hg.load_network(run[0] / record.file))


def test_a_network_is_generated_and_drawn(run: tuple[Path, str, str], tmp_path: Path) -> None:
    network = hg.generate(run[0], 1e-3, layers="3,5,1", encoder=False)
    assert network.spec == hg.MLPSpec((3, 5, 1))
    hg.draw(network, tmp_path / "net.svg", str(tmp_path / "net.png"))
    assert (tmp_path / "net.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_shows_itself(run: tuple[Path, str, str]) -> None:
    opened = hg.open_run(run[0])
    shown = opened._repr_html_()
    assert "best loss" in shown
    assert "data:image/png;base64," in shown
    assert run[1].splitlines()[2].split()[0] in shown


def test_looking_at_a_run_writes_nothing_into_it(run: tuple[Path, str, str], tmp_path: Path) -> None:
    """So one on a read-only disk, or of another user, can be looked at."""
    before = state_of(run[0])
    opened = hg.open_run(run[0])
    assert opened.rows
    assert opened._repr_html_()
    assert opened.figure("rate").is_file()
    assert opened.phases  # it is kept
    record = opened.result.networks[0]
    hg.classify(run[0] / record.file)
    hg.draw(opened.network(0, 1.0), tmp_path / "net.svg", layout="layered")
    hg.generate(run[0], 1e-3)
    assert state_of(run[0]) == before


def test_ipython_shows_a_network_as_its_drawing(run: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[tuple[str, str], Callable[[hg.MLPWeights], bytes]] = {}
    png = SimpleNamespace(for_type_by_name=lambda module, name, show: shown.update({(module, name): show}))
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"image/png": png}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    hg._draw_networks_in_notebooks()
    kind = hg.MLPWeights
    assert shown[kind.__module__, kind.__name__](hg.open_run(run[0]).network(0, 1.0)).startswith(b"\x89PNG")


def test_what_is_not_there_is_told(run: tuple[Path, str, str], tmp_path: Path) -> None:
    opened = hg.open_run(run[0])
    with pytest.raises(UsageError, match="members 0 to 1, not 2"):
        opened.network(2, 1.0)
    with pytest.raises(UsageError, match="no figure 'none'; there are ablation"):
        opened.figure("none")
    with pytest.raises(UsageError, match="holds no run"):
        hg.open_run(tmp_path)


@pytest.mark.parametrize("beta", [0, -1, float("nan"), float("inf"), 2])
def test_a_price_that_cannot_be_is_told(run: tuple[Path, str, str], beta: float) -> None:
    with pytest.raises(UsageError, match="is no price"):
        hg.open_run(run[0]).network(0, beta)
    with pytest.raises(UsageError, match="is no price"):
        hg.generate(run[0], beta)


@pytest.mark.parametrize("layers", ["4,8,1", ["4,8,1"], hg.MLPSpec((4, 8, 1)), [hg.MLPSpec((4, 8, 1)), "4,8,1"]])
def test_layers_are_texts_or_specs(layers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def plan(request: Request, engine: hg.Engine) -> None:
        asked.append(request)
        raise UsageError("enough")

    monkeypatch.setattr(api, "plan", plan)
    with pytest.raises(UsageError, match="enough"):
        hg.train("l1norm", layers=layers)
    assert set(asked[0].networks) == {hg.MLPSpec((4, 8, 1))}


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": 0},
        {"members": -2},
        {"steps": -5},
        {"steps": 0},
        {"wiring": 7.0},
        {"seed": -1},
        {"preset": "huge"},
        {"device": "tpu"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    wrong: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=next(iter(wrong))):
        hg.train("l1norm", **wrong)
    assert not list(tmp_path.iterdir())


def test_missing_pandas_is_named(run: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = hg.open_run(run[0])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'hypergraph-toolkit\[pandas\]'"):
        opened.table()
