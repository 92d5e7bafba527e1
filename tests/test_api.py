"""`import hypergraph`: the pages about it do what they say, and what it gives is what the command line gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from folders import state_of
from processes import python

import hypergraph as hg
from hypergraph.errors import UsageError
from hypergraph.experiment import api
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.config import RunConfig
from hypergraph.runs.events import Drawn, Event, Progressed, Trained, Watched
from hypergraph.testing.networks import equal

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str) -> list[str]:
    """The Python of a page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.S)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.slow
@pytest.mark.usefixtures("one_figure")
def test_the_notebook_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("notebook.md"):
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


@pytest.mark.slow
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
@pytest.mark.usefixtures("one_figure")
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
@pytest.mark.usefixtures("one_figure")
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


def test_a_network_is_generated_from_numbers_of_numpy_and_torch(tmp_path: Path) -> None:
    """The same network as from those of Python."""
    Generator.initial([SPEC], [stream(0), stream(1)]).save(tmp_path / "generator.safetensors")
    source = str(tmp_path / "generator.safetensors")
    expected = hg.generate(source, 1e-4, seed=2, member=1)
    numbers: list[dict[str, Any]] = [
        {"beta": np.float64(1e-4), "seed": np.int64(2), "member": np.uint8(1), "encoder": np.bool_(True)},
        {"beta": torch.tensor(1e-4, dtype=torch.float64), "seed": torch.tensor(2), "member": torch.tensor(1)},
    ]
    for arguments in numbers:
        assert equal(hg.generate(source, layers=(4, 8, 1), **arguments), expected)
    for wrong, message in (
        ({"beta": "abc"}, "beta is 'abc'"),
        ({"member": True}, "member is True"),
        ({"seed": 2.5}, r"seed is 2\.5"),
        ({"seed": -1}, "seed is -1"),
        ({"encoder": "no"}, "encoder is 'no'"),
        ({"layers": ["4,8,1", "5,8,1"]}, "layers stand for 2 networks"),
    ):
        with pytest.raises(UsageError, match=message):
            hg.generate(source, **{"beta": 1e-4, **wrong})  # type: ignore[arg-type]


def test_paths_may_be_texts_and_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Generator.initial([SPEC], [stream(0)]).save("~/generator.safetensors")
    network = hg.generate("~/generator.safetensors", 1e-4)
    network.save(Path("~/network.safetensors"))
    assert equal(hg.load_network("~/network.safetensors"), network)
    assert hg.classify("~/network.safetensors", "l1norm") == hg.classify(network, "l1norm")
    hg.draw("~/network.safetensors", "~/net.svg", layout="layered")
    assert {path.name for path in tmp_path.iterdir()} == {"generator.safetensors", "network.safetensors", "net.svg"}
    with pytest.raises(UsageError, match=f"{tmp_path / 'run'} holds no run"):
        hg.open_run("~/run")
    calls: list[Callable[..., object]] = [hg.open_run, hg.resume, hg.classify, hg.load_network]
    for call in (*calls, network.save, Generator.load):
        with pytest.raises(UsageError, match="is 5: expected a path"):
            call(5)


def test_many_networks_are_not_taken_for_one(tmp_path: Path) -> None:
    many = hg.generate("l1norm/random", 1.0).map(lambda tensor: tensor.unsqueeze(0))
    for refuse in (lambda: hg.classify(many, "l1norm"), lambda: many.save(tmp_path / "x"), many.to_module):
        with pytest.raises(UsageError, match="select one first"):
            refuse()
    generator = Generator.initial([SPEC], [stream(0)])
    for member in (1, -1):
        with pytest.raises(UsageError, match=f"members 0 to 0, not {member}"):
            generator.member(member)


def test_a_run_is_found_again_from_another_folder(
    run: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run[0].parent)
    opened = hg.open_run(run[0].name)
    monkeypatch.chdir(tmp_path)
    assert opened.network(0, 1.0).spec == SPEC
    assert opened.phases
    assert opened.figure("rate").is_file()


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


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunConfig]:
    """The configuration of the run that `train` would start with these arguments."""

    def planned(**arguments: Any) -> RunConfig:
        configs: list[RunConfig] = []

        def refuse(config: RunConfig, folder: Path | None) -> None:
            configs.append(config)
            raise UsageError("enough")

        monkeypatch.setattr(api, "start", refuse)
        with pytest.raises(UsageError, match="enough"):
            hg.train("l1norm", **arguments)
        return configs[0]

    return planned


SPEC = hg.MLPSpec((4, 8, 1))


@pytest.mark.parametrize(
    "layers",
    [
        "4,8,1",
        ["4,8,1"],
        SPEC,
        [SPEC, "4,8,1"],
        (4, 8, 1),
        [4, 8, 1],
        [(4, 8, 1)],
        np.array([4, 8, 1]),
        torch.tensor([4, 8, 1]),
        (np.int64(4), torch.tensor(8), 1),
        "~/spec.json",
        Path("~/spec.json"),
        [Path("~/spec.json"), (4, 8, 1)],
    ],
    ids=str,
)
def test_layers_are_texts_sizes_files_or_specs(
    layers: Any, planned: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "spec.json").write_text(SPEC.to_json())
    assert planned(layers=layers).specs == (SPEC,)


def test_several_layers_are_several_networks(planned: Callable[..., RunConfig]) -> None:
    specs = planned(layers=[(4, 8, 1), np.array([5, 8, 1]), "6,8,1"]).specs
    assert [spec.sizes for spec in specs] == [(4, 8, 1), (5, 8, 1), (6, 8, 1)]


def test_numbers_of_numpy_and_torch_are_numbers(planned: Callable[..., RunConfig]) -> None:
    """In a configuration they are those of Python: the same file, the same random streams."""
    arguments = {"members": 2, "steps": 7, "seed": 3, "wiring": 0.5, "device": "cpu"}
    numbers = {"members": np.int64(2), "steps": np.int32(7), "seed": torch.tensor(3), "wiring": np.float32(0.5)}
    config = planned(**numbers, device=torch.device("cpu"))
    assert repr(config) == repr(planned(**arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": 2.5}, r"members is 2\.5"),
        ({"members": np.float64(2)}, r"members is 2\.0"),
        ({"members": True}, "members is True"),
        ({"steps": "abc"}, "steps is 'abc'"),
        ({"seed": np.bool_(True)}, "seed is True"),
        ({"wiring": "abc"}, "wiring is 'abc'"),
        ({"layers": 5}, "layers is 5"),
        ({"layers": (4, 2.5, 1)}, r"sizes\[1\] is 2\.5"),
        ({"device": 7}, "device '7' is none of"),
        ({"preset": 3}, "preset is 3"),
        ({"options": 3}, "options is 3"),
        ({"engine": 3}, "engine is 3"),
        ({"address": "here:1"}, "engine local has no address"),
        ({"out": 5}, "out is 5: expected a path"),
    ],
    ids=str,
)
def test_what_is_of_the_wrong_kind_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        hg.train("l1norm", **arguments)
    assert "\n" not in str(error.value)


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
