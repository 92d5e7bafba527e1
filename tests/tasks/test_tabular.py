"""Tables: cells become numbers or are refused by name, and held-out rows are never trained on."""

from __future__ import annotations

import contextlib
import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
import pandas
import pyarrow
from processes import Command
from pyarrow import parquet
from strategies import rng

from hypergraph.analysis.measure import measure_loss
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError, HypergraphError, SpecError, UsageError
from hypergraph.experiment.plan import Request, plan, plan_repeat
from hypergraph.extensions.options import complete_options
from hypergraph.extensions.registry import ENGINES, TASKS
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_task
from hypergraph.training.baseline import train_directly
from hypergraph_tabular import columns, files
from hypergraph_tabular.columns import MAX_CATEGORIES
from hypergraph_tabular.task import Table

ROWS = 40


def frame(rows: int = ROWS) -> pandas.DataFrame:
    """A table of every kind of column; the number of a row is in `size`."""
    numbers = np.arange(rows)
    return pandas.DataFrame(
        {
            "size": numbers / 3,
            "count": numbers % 5,
            "fresh": numbers % 2 == 0,
            "colour": [("red", "green", "blue")[number % 3] for number in numbers],
            "price": 2.0 * numbers + (numbers % 3),
        }
    )


def write(folder: Path, table: pandas.DataFrame, name: str = "data.csv") -> Path:
    path = folder / name
    table.to_csv(path, index=False) if name.endswith("csv") else table.to_parquet(path)
    return path


def load(path: Path, target: str = "price", **options: Any) -> Table:
    task = TASKS.load("table", {"file": str(path), "target": target, **options})
    assert isinstance(task, Table)
    return task


@pytest.mark.parametrize("target", ["price", "colour", "fresh"])
def test_the_task_keeps_its_contract(tmp_path: Path, target: str) -> None:
    check_task(load(write(tmp_path, frame()), target))


def test_columns_become_numbers_and_categories(tmp_path: Path) -> None:
    data = load(write(tmp_path, frame())).data
    assert data.names == ("size", "count", "fresh", "colour=blue", "colour=green", "colour=red")
    assert (len(data.training.inputs), len(data.held_out.inputs)) == (32, 8)
    assert torch.allclose(data.training.inputs.mean(0), torch.zeros(6), atol=1e-6)
    assert torch.allclose(data.training.inputs.std(0, correction=0), torch.ones(6), atol=1e-6)
    assert data.held_out.inputs.mean(0).abs().max() > 1e-3
    assert float(data.training.targets.square().mean()) == pytest.approx(1)
    mean, deviation = load(write(tmp_path, frame())).normalisation(MLPSpec((6, 16, 1)))
    raw = mean + deviation * torch.cat([data.training.targets, data.held_out.targets])
    assert raw.squeeze(1).sort().values.tolist() == pytest.approx(sorted(frame()["price"]), abs=1e-4)


def test_a_column_that_is_constant_in_training_rows_is_kept(tmp_path: Path) -> None:
    data = load(write(tmp_path, frame().assign(same=0.1))).data
    assert torch.equal(data.training.inputs[:, data.names.index("same")], torch.zeros(32))


def test_parquet_equals_csv(tmp_path: Path) -> None:
    one, other = (load(write(tmp_path, frame(), name)).data for name in ("data.csv", "data.parquet"))
    assert one.names == other.names
    for part in ("training", "held_out"):
        for name in ("inputs", "targets"):
            torch.testing.assert_close(getattr(getattr(one, part), name), getattr(getattr(other, part), name))


def test_held_out_rows_are_never_trained_on_and_all_measured(tmp_path: Path) -> None:
    task = load(write(tmp_path, frame()), held_out=0.3)
    trained, _ = task.sample(task.default_spec, 5_000, rng(0))
    measured, _ = task.sample_held_out(task.default_spec, 120, rng(0))
    sizes, counts = measured[:, 0].unique(return_counts=True)
    assert counts.tolist() == [10] * 12
    assert len(trained[:, 0].unique()) == 28
    assert not set(trained[:, 0].tolist()) & set(sizes.tolist())
    again = load(write(tmp_path, frame()), held_out=0.3).data.held_out.inputs
    other = load(write(tmp_path, frame()), held_out=0.3, split_seed=1).data.held_out.inputs
    assert torch.equal(again, task.data.held_out.inputs)
    assert not torch.equal(again, other)


def test_losses_are_those_of_the_held_out_rows(tmp_path: Path) -> None:
    task = load(write(tmp_path, frame()))
    network = train_directly(task, task.default_spec, seed=0, steps=3)
    rows = task.data.held_out
    exact = float(task.loss(network(rows.inputs), rows.targets))
    assert float(measure_loss(task, network, seed=0)) == pytest.approx(exact, rel=1e-4)


def test_a_constant_answer_and_the_best_one_frame_what_is_solved(tmp_path: Path) -> None:
    task = load(write(tmp_path, frame()), "colour")
    assert task.default_spec == MLPSpec((4, 16, 3))
    targets = task.data.training.targets
    assert torch.allclose(targets.sum(1), torch.ones(32))
    best, constant = (float(task.loss(outputs, targets)) for outputs in (targets.log(), torch.zeros(32, 3)))
    assert best < 0.07
    assert constant == pytest.approx(math.log(3))
    assert task.solved_loss == pytest.approx((best + constant) / 2, rel=0.01)
    assert load(write(tmp_path, frame())).solved_loss == 0.5


def test_numbers_are_classes_where_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, frame())
    assert load(path, "count").data.classes == ()
    assert load(path, "count", kind="classification").data.classes == ("0", "1", "2", "3", "4")
    with pytest.raises(UsageError, match="'colour' has texts or true and false"):
        load(path, "colour", kind="regression")


GAP = frame().astype({"count": float})
GAP.loc[6, "count"] = GAP.loc[9, "size"] = math.nan


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (GAP, "column 'count' has no value in row 7 .the first of 2 rows with gaps.: fill it, or remove the row"),
        (frame().assign(size=math.inf), "column 'size' is inf in row 1: write a number up to 1e.30"),
        (
            frame().assign(count=["?", *"1" * 39]),
            r"column 'count' has '\?' in row 1, and numbers elsewhere: correct it",
        ),
        (
            frame().assign(colour=[f"c{n}" for n in range(40)]),
            f"'colour' has 40 different .* {MAX_CATEGORIES} categories",
        ),
        (frame().rename(columns={"price": "cost"}), "no column is called 'price'; target is one of size, count, fresh"),
        (frame().rename(columns={"price": "prise"}), r"did you mean prise\?"),
        (frame().assign(price=1), "same value in all training rows"),
        (frame()[["price"]], "become 0 inputs"),
        (
            pandas.concat([frame(), pandas.DataFrame({f"c{n}": [1] * ROWS for n in range(260)})], axis=1),
            "1 to 256 can be",
        ),
        (frame(rows=5), "it takes 10 rows"),
        (frame().rename(columns={"count": ""}), "its column 2 has no name"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, table: pandas.DataFrame, message: str) -> None:
    with pytest.raises(HypergraphError, match=message) as caught:
        load(write(tmp_path, table))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as CSV: No columns"),
        (b"a;price\n1;2\n", "has ';' and no comma"),
        (b"a,price\n1,2\n1,2,3\n", "cannot be read as CSV"),
        (b"a,price\n" + b"1,2,3\n" * 20, "cannot be read as CSV"),
        (b"\xff\xfe,price\n1,2\n", "cannot be read as CSV"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b"," * 2_000 + b"\n", "2,001 columns: at most 1,000"),
        (b"a" * 70_000, "first line has more than"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        load(tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_large_files_and_pipes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, buffer = write(tmp_path, frame()), io.BytesIO()
    parquet.write_table(pyarrow.table({"a": np.zeros(1_000), "price": np.zeros(1_000)}), buffer)
    with monkeypatch.context() as patched:
        patched.setattr(columns, "MAX_NUMBERS", 190)
        with pytest.raises(UsageError, match="becomes more than 190 numbers"):
            load(path)
    monkeypatch.setattr(files, "MAX_CELLS", 190)
    with pytest.raises(FileError, match="more than 190 cells"):
        files.read_frame(path, path.read_bytes())
    with pytest.raises(FileError, match="more than 190 cells"):
        files.read_frame(path, buffer.getvalue())
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(FileError, match="more than 100 bytes"):
        load(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="no regular file"):
        load(tmp_path / "pipe")
    with pytest.raises(FileError, match="no such file"):
        load(tmp_path / "nothing.csv")


def test_broken_texts_in_parquet_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, frame(), "data.parquet")
    path.write_bytes(path.read_bytes().replace(b"green", b"gr\xff\xffn"))
    with pytest.raises(FileError, match=r"cannot be read as Parquet: .*UTF"):
        load(path)


@given(
    name=st.sampled_from(["data.csv", "data.parquet"]),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4),
    piece=st.sampled_from([b"", b",", b"\n", b'"', b"\0", b"\xff", b"1e400", b"nan", b"True"]) | st.binary(max_size=4),
)
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, places: list[float], piece: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("damaged"), frame(), name)
    content = bytearray(path.read_bytes())
    for place in places:
        start = int(place * len(content))
        content[start : start + 1] = piece
    path.write_bytes(content)
    with contextlib.suppress(HypergraphError):  # and nothing else is raised
        load(path)


def test_dates_are_refused(tmp_path: Path) -> None:
    table = frame().assign(day=pandas.Timestamp("2020-01-01"))
    with pytest.raises(
        UsageError, match=r"column 'day' has values of type .*: write numbers, texts, or true and false"
    ):
        load(write(tmp_path, table, "data.parquet"))


def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, frame())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"data\.csv needs pandas and pyarrow: pip install 'hypergraph-toolkit\[table\]'"
    ):
        files.read_frame(path, path.read_bytes())


def test_a_run_finds_its_file_from_another_folder_and_refuses_a_changed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    path = write(tmp_path, frame())
    monkeypatch.chdir(tmp_path)
    request = Request("table", steps=10, members=1, options={"file": "data.csv", "target": "price"})
    config = plan(request, ENGINES.load("local"))
    assert config.options["file"] == str(path)
    RunDirectory.create(tmp_path / "run", config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert complete_options(Table.Options, config.options) == config.options
    write(tmp_path, frame().assign(size=0.5))
    with pytest.raises(UsageError, match=r"data\.csv has changed since the run was started: its SHA-256 is"):
        plan_repeat(tmp_path / "run", LocalEngine())
    status, _, err = command("run", "table", "--resume", "--out", tmp_path / "run")
    assert (status, err.count("has changed since the run was started")) == (2, 1), err


def test_the_command_line_says_what_to_name(tmp_path: Path, command: Command) -> None:
    status, _, err = command("run", "table", "--out", tmp_path / "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "needs the options file and target, such as file=data.csv" in err
    status, _, err = command("run", "table", "--set", f"file={write(tmp_path, frame())}", "--out", tmp_path / "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "no target is named; target is one of size, count, fresh, colour, price" in err


def test_a_network_of_other_ends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="6 inputs and 1 outputs: 5,8,2 has other ends; try 6,8,1"):
        load(write(tmp_path, frame())).check_spec(MLPSpec((5, 8, 2)))
