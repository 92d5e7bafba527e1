"""What the scripts of docs/ share: the records of runs, and tables that they write into pages."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent


def load(run: Path) -> dict[str, Any]:
    """What a run found, and how long its slowest worker trained."""
    result: dict[str, Any] = json.loads((run / "result.json").read_text())
    lines = [path.read_text().splitlines() for path in run.glob("training/*/metrics.jsonl")]
    times = [[json.loads(line)["time"] for line in chunk] for chunk in lines]
    result["training_seconds"] = max(stop - start for start, *_, stop in times)
    return result


def table(run: Path, figure: str) -> list[dict[str, str]]:
    """The numbers of a figure."""
    with (run / "figures" / f"{figure}.csv").open() as file:
        return list(csv.DictReader(file))


def lines(header: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A table in Markdown."""
    yield header
    yield "|---" * header.count("|", 1) + "|"
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"


def fill(page: str, name: str, rows: Iterator[str]) -> str:
    """The page with the table of that name in its place."""
    start, end = f"<!-- {name} -->", "<!-- end -->"
    before, _, rest = page.partition(start)
    return before + "\n".join([start, "", *rows, "", end]) + rest.partition(end)[2]
