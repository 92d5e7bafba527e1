"""What analyses find is kept in RUN/analysis/: each part is measured once, and anew where it is not to be trusted."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import pytest
from msgspec import Struct

from hypergraph.analysis import kept as module
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.kept import Analysis, here, kept
from hypergraph.errors import FileError
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Progressed, ignore
from hypergraph.storage.atomic import write_json
from hypergraph.storage.schema import Count, Number
from hypergraph.storage.untrusted import MAX_JSON_BYTES, read_json

PARTS = {"two": 2, "three": 3, "none": 0}


class Square(Struct, frozen=True):
    """A record of the analysis that is tested with."""

    root: Count
    square: Number


@pytest.fixture
def measured() -> Counter[int]:
    """How often each part was measured."""
    return Counter()


@pytest.fixture
def squares(measured: Counter[int]) -> Analysis[int, Square]:
    def measure(run: FinishedRun, root: int) -> list[Square]:
        measured[root] += 1
        return [Square(root, root**2)] * root

    return Analysis("squares", "squaring", list[Square], here(measure))


def opened(folder: Path, events: list[Event] | None = None) -> FinishedRun:
    return FinishedRun(RunDirectory.open(folder), ignore if events is None else events.append)


EXPECTED = [Square(2, 4)] * 2 + [Square(3, 9)] * 3


def test_what_was_measured_is_not_measured_again(
    copied: Path, squares: Analysis[int, Square], measured: Counter[int]
) -> None:
    """By another process neither, and in whichever order it is asked for; a part without records is asked again."""
    events: list[Event] = []
    assert kept(opened(copied, events), squares, PARTS) == EXPECTED
    assert events == [Progressed("squaring", done, 3) for done in range(4)]
    assert measured == {2: 1, 3: 1, 0: 1}
    assert kept(opened(copied), squares, PARTS) == EXPECTED
    assert kept(opened(copied), squares, {"three": 3, "two": 2}) == EXPECTED[2:] + EXPECTED[:2]
    assert measured == {2: 1, 3: 1, 0: 2}
    events.clear()
    kept(opened(copied, events), squares, {"two": 2})
    assert events == []


def test_an_interrupted_analysis_goes_on_with_the_parts_that_it_has(
    copied: Path, squares: Analysis[int, Square], measured: Counter[int]
) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Progressed) and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(FinishedRun(RunDirectory.open(copied), interrupt), squares, PARTS)
    assert measured == {2: 1}
    assert kept(opened(copied), squares, PARTS) == EXPECTED
    assert measured[2] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 10_000,
        "null",
        '[{"root": 2}]',
        '[{"root": -2, "square": 4.0}]',
        '[{"root": 2, "square": NaN}]',
        '[{"root": 2, "square": 1e308}]',
        '[{"root": 2, "square": "four"}]',
        " " * MAX_JSON_BYTES + "[]",
        "\xff",
    ],
    ids=lambda text: text[:30],
)
def test_a_part_that_is_broken_is_measured_again(
    copied: Path, squares: Analysis[int, Square], measured: Counter[int], text: str
) -> None:
    kept(opened(copied), squares, PARTS)
    (copied / "analysis" / "squares" / "two.json").write_text(text, encoding="latin-1")
    for _ in range(2):
        assert kept(opened(copied), squares, PARTS) == EXPECTED
    assert (measured[2], measured[3]) == (2, 1)


def test_a_pipe_in_the_place_of_a_part_is_not_waited_for(copied: Path, squares: Analysis[int, Square]) -> None:
    kept(opened(copied), squares, PARTS)
    path = copied / "analysis" / "squares" / "two.json"
    path.unlink()
    os.mkfifo(path)
    assert kept(opened(copied), squares, PARTS) == EXPECTED


def test_what_stands_in_the_way_is_told(copied: Path, squares: Analysis[int, Square]) -> None:
    (copied / "analysis" / "squares" / "two.json" / "folder").mkdir(parents=True)
    with pytest.raises(FileError, match=r"cannot write .*two\.json"):
        kept(opened(copied), squares, PARTS)


def test_numbers_that_are_not_finite_are_missing(copied: Path) -> None:
    """At once as when they are read again."""
    numbers = (math.nan, math.inf, 0.1 + 0.2)
    analysis: Analysis[int, Square] = Analysis(
        "odd", "", list[Square], here(lambda run, part: [Square(0, number) for number in numbers])
    )
    for _ in range(2):
        assert [record.square for record in kept(opened(copied), analysis, {"all": 0})] == [None, None, 0.1 + 0.2]


def test_other_versions_or_another_result_are_measured_anew(
    copied: Path, squares: Analysis[int, Square], measured: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(opened(copied), squares, {"two": 2})
    monkeypatch.setattr(module, "version", lambda name: "another")
    kept(opened(copied), squares, {"two": 2})
    assert measured[2] == 2
    assert not (copied / "analysis" / "phases").exists()
    result = read_json(copied / "result.json")
    result["networks"][5]["loss"] *= 2
    write_json(copied / "result.json", result)
    kept(opened(copied), squares, {"two": 2})
    kept(opened(copied), squares, {"two": 2})
    assert measured[2] == 3


def test_a_killed_process_leaves_nothing_half_written(copied: Path, squares: Analysis[int, Square]) -> None:
    kept(opened(copied), squares, PARTS)
    left = copied / "analysis" / "squares" / ".two.json.abc.partial"
    left.write_text("[")
    with RunDirectory.open(copied).lock():
        assert not left.exists()
