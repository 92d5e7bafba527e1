"""A result.json and the generators beside it may be a stranger's: what does not fit is refused in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hypergraph.analysis.finished import FinishedRun
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError
from hypergraph.experiment.run import sweep, train
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import Provenance, Result, to_fields
from hypergraph.runs.result import load_members, read_result, write_result
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import make_folder
from hypergraph.training.recipe import Recipe

CONFIG = RunConfig("l1norm", (MLPSpec((2, 3, 1)),), 2, 0, "cpu", Recipe(steps=3))


def row(member: int, beta: float) -> dict[str, Any]:
    numbers = {
        "loss": 0.5,
        "kl": 2,
        "decoder_loss": 1.5,
        "confidence": 0.25,
        "order_parameters": {"a": 1.0, "b": None},
    }
    return {"member": member, "beta": beta, **numbers, "algorithm": None, "file": f"networks/{member}.safetensors"}


@pytest.fixture
def finished(tmp_path: Path) -> RunDirectory:
    run = RunDirectory.create(tmp_path / "run", CONFIG)
    Generator.initial(CONFIG.specs, [stream(0), stream(1)]).save(run.generator)
    write(run, [row(0, 1e-12), row(0, 1.0), row(1, 1)])
    return run


def write(run: RunDirectory, rows: object) -> None:
    others = {"failures": [], "solved_loss": 0.1, "algorithms": {}, "figures": []}
    run.result.write_text(json.dumps({**run.config.to_fields(), **others, "networks": rows}))


def assert_refused(run: RunDirectory, *named: str) -> None:
    """By everything that reads results."""
    for read in (lambda: read_result(run), lambda: FinishedRun(run)):
        with pytest.raises(FileError) as error:
            read()
        for part in (str(run.result), *named):
            assert part in str(error.value)


def test_a_result_is_read_as_it_was_written(finished: RunDirectory) -> None:
    rows = [row(0, 1e-12), row(0, 1.0), row(1, 1)]
    result = read_result(finished)
    assert [to_fields(network) for network in result.networks] == rows
    assert (result.provenance, result.analysis_seconds) == ((), None)
    result = replace(result, provenance=(Provenance(members=(0, 1), step=3, versions={"torch": "2"}, threads=1),))
    write_result(finished, result)
    assert read_result(finished) == result
    written = json.loads(finished.result.read_text())
    assert list(written) == ["format_version", *RunConfig.__struct_fields__, *Result.__struct_fields__]
    assert FinishedRun(finished).rows[0]["a"] == 1.0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        *[({"member": value}, "member is") for value in (-1, 2, 10**30, 0.0, "0", None, True)],
        *[({"beta": value}, "beta is") for value in (0, -1, 2, 10**400, "1e-9", None)],
        *[({name: value}, f"{name} is") for name in ("loss", "kl", "decoder_loss") for value in ("1", [], 1e308, True)],
        ({"confidence": "sure"}, "confidence is 'sure'"),
        *[({"algorithm": value}, "algorithm is") for value in (3, ["a"])],
        *[({"algorithm": value}, "algorithm has") for value in ("a\x1b[2J", "a\nb", "\ud800")],
        ({"depth": 3}, "networks[0].depth is unknown: expected one of member, beta, loss"),
        *[({"order_parameters": value}, "order_parameters is") for value in (None, [], "a")],
        ({"order_parameters": {"loss": 1.0}}, "networks[0]: order_parameters have 'loss', which is another field"),
        (
            {"order_parameters": {"a": "1", "b": 2}},
            "order_parameters is {'a': '1', 'b': 2}: expected values: float | null",
        ),
        ({"order_parameters": {"a": 1}}, "different order parameters"),
        ({"order_parameters": {"a\x07": 1}}, "order_parameters has 'a\\x07': expected printable text"),
        ({"file": None}, "file is None"),
        ({"file": "networks/\0"}, "file has 'networks/\\x00': expected printable text"),
        *[({"file": value}, "expected a file within the run") for value in ("../x", "/etc/passwd", "networks/../../x")],
        ({"beta": 1.0}, "networks have a member and a price twice"),
    ],
)
def test_a_wrong_value_is_named(finished: RunDirectory, change: dict[str, Any], named: str) -> None:
    write(finished, [{**row(0, 1e-12), **change}, row(0, 1.0)])
    assert_refused(finished, named)


@pytest.mark.parametrize(
    "text", ['{"networks": [NaN]}', '{"networks": [{"loss": Infinity}]}', "[" * 10_000, "", "\xff"]
)
def test_what_is_no_json_is_told(finished: RunDirectory, text: str) -> None:
    finished.result.write_text(text, encoding="latin-1")
    assert_refused(finished)


@pytest.mark.parametrize("lacking", ["result.json", "generator.safetensors"])
def test_a_run_that_is_not_finished_is_told(finished: RunDirectory, lacking: str) -> None:
    """A pipe in the place of a file is none, and is not waited for."""
    (finished.path / lacking).unlink()
    for _ in range(2):
        with pytest.raises(FileError, match="is not finished"):
            FinishedRun(finished)
        if not (finished.path / lacking).exists():
            os.mkfifo(finished.path / lacking)


def test_the_generator_of_a_run_is_that_of_its_members(finished: RunDirectory) -> None:
    assert load_members(finished.generator, CONFIG, 2).members == 2
    material = FinishedRun(finished)
    Generator.initial(CONFIG.specs, [stream(0)]).save(finished.generator)
    with pytest.raises(FileError, match=r"holds 1 members; the run's config\.json asks for 2"):
        _ = material.generator
    Generator.initial([MLPSpec((2, 4, 1))], [stream(0), stream(1)]).save(finished.generator)
    with pytest.raises(FileError, match="generates other networks than"):
        _ = material.generator


def test_checkpoints_are_those_of_their_members(finished: RunDirectory) -> None:
    material = FinishedRun(finished)
    material.classifier = None  # type: ignore[assignment]
    (chunk,) = finished.chunks
    make_folder(chunk.checkpoints)
    Generator.initial(CONFIG.specs, [stream(0)]).save(chunk.checkpoint(3))
    with pytest.raises(FileError, match=r"0000003\.safetensors holds 1 members"):
        _ = material.phases


def test_a_run_is_not_gone_on_with_by_generators_of_others(finished: RunDirectory) -> None:
    train(finished, LocalEngine())
    Generator.initial([MLPSpec((2, 4, 1))], [stream(0), stream(1)]).save(finished.generator)
    with pytest.raises(FileError, match="generates other networks than"):
        sweep(finished)
    finished.generator.unlink()
    (chunk,) = finished.chunks
    make_folder(chunk.folder)
    Generator.initial(CONFIG.specs, [stream(0)]).save(chunk.trained)
    with pytest.raises(FileError, match=r"trained\.safetensors holds 1 members"):
        train(finished, LocalEngine())
