"""Prints the table of docs/default-run.md from finished runs: python docs/default_runs.py RUN..."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

SOLVED = ("double-sided", "pudding")
HEADER = """\
| seed | member | algorithms, and at how many of the 31 prices | best network: algorithm, beta, loss, KL | \
loss at beta 1 | training |
|---|---|---|---|---|---|"""


def load(run: Path) -> dict[str, Any]:
    """What a run found, and how long its slowest worker trained."""
    result: dict[str, Any] = json.loads((run / "result.json").read_text())
    lines = [path.read_text().splitlines() for path in run.glob("training/*/metrics.jsonl")]
    times = [[json.loads(line)["time"] for line in chunk] for chunk in lines]
    result["training_seconds"] = max(stop - start for start, *_, stop in times)
    return result


def rows(result: dict[str, Any]) -> list[str]:
    """One line of the table per member."""
    return [row(result, member) for member in range(result["members"])]


def row(result: dict[str, Any], member: int) -> str:
    """The line of one member."""
    networks = [network for network in result["networks"] if network["member"] == member]
    counts = Counter(network["algorithm"] for network in networks)
    found = ", ".join(f"{label} {count}" for label, count in counts.most_common())
    solved = min((n for n in networks if n["algorithm"] in SOLVED), key=lambda n: n["loss"], default=None)
    best = "none"
    if solved:
        best = f"{solved['algorithm']}, {solved['beta']:.0e}, **{solved['loss']:.4f}**, {solved['kl']:.0f} nats"
    dear = max(networks, key=lambda network: network["beta"])
    once = f"{result['training_seconds']:.0f} s" if member == 0 else ""
    return f"| {result['seed']} | {member} | {found} | {best} | {dear['loss']:.2f} | {once} |"


if __name__ == "__main__":
    print(HEADER)
    for path in map(Path, sys.argv[1:]):
        print("\n".join(rows(load(path))))
