"""Writes the tables of docs/default-run.md from finished runs: python docs/default_runs.py RUN..."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tables import DOCS, fill, lines, load

from hypergraph.figures.phases import wilson

Row = dict[str, Any]
GOOD = {"convexity": 0.45, "pudding": 0.1, "double-sided": 0.01}
"""The loss below which a network is a good example of its algorithm."""
MEMORISED = 1.5
"""A member memorises if its networks of lowest loss lose this many times as much where the encoder is ignored."""
MEMBERS = (
    "| seed | member | start | algorithms, at how many of the 31 prices | network of lowest loss: algorithm, beta, "
    "loss, KL | loss at beta 1 | training |"
)


def wired(result: Row, member: int) -> bool:
    """Whether a member's encoder was wired at the start."""
    wirings = result["recipe"]["wiring"]
    return bool(wirings[member % len(wirings)])


def of_member(result: Row, member: int) -> list[Row]:
    """The networks of a member."""
    return [network for network in result["networks"] if network["member"] == member]


def lowest(networks: Sequence[Row], label: str) -> float:
    """The lowest loss of the networks with a label."""
    return min((network["loss"] for network in networks if network["algorithm"] == label), default=math.inf)


def example(label: str, loss: float) -> str:
    """The lowest loss of an algorithm, bold where it is a good example."""
    if loss == math.inf:
        return "none"
    return f"**{loss:.4f}**" if loss < GOOD[label] else f"{loss:.4f}"


def seeds(results: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """Of each seed, the best example of each algorithm, and members by their assignments."""
    for result in results:
        cells = [example(label, lowest(result["networks"], label)) for label in GOOD]
        members = [of_member(result, member) for member in range(result["members"])]
        best = [[min(network[key] for network in each) for key in ("loss", "decoder_loss")] for each in members]
        memorised = sum(alone > MEMORISED * loss for loss, alone in best)
        yield result["seed"], *cells, memorised, sum(alone < GOOD["pudding"] for _, alone in best)


def shares(results: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """How many members of each start came to a good example, with intervals."""
    for start, label in ((True, "double-sided"), (False, "pudding")):
        members = [
            of_member(result, member)
            for result in results
            for member in range(result["members"])
            if wired(result, member) is start
        ]
        good = sum(lowest(each, label) < GOOD[label] for each in members)
        low, high = wilson(good, len(members))
        name = "wired" if start else "not wired"
        yield name, f"{label} below {GOOD[label]}", f"{good} of {len(members)}", f"{low:.0%} to {high:.0%}"


def members(results: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """What every member came to."""
    for result in results:
        for member in range(result["members"]):
            networks = of_member(result, member)
            counts = Counter(network["algorithm"] for network in networks)
            best, dear = min(networks, key=lambda n: n["loss"]), max(networks, key=lambda n: n["beta"])
            yield (
                result["seed"],
                member,
                "wired" if wired(result, member) else "not wired",
                ", ".join(f"{label} {count}" for label, count in counts.most_common()),
                f"{best['algorithm']}, {best['beta']:.0e}, **{best['loss']:.4f}**, {best['kl']:.0f} nats",
                f"{dear['loss']:.2f}",
                f"{result['training_seconds']:.0f} s" if member == 0 else "",
            )


def main(runs: Sequence[Path]) -> None:
    """Write every table."""
    results = [load(run) for run in runs]
    page = DOCS / "default-run.md"
    examples = " | ".join(f"{label}: lowest loss" for label in GOOD)
    text = page.read_text()
    for name, table in {
        "seeds": lines(f"| seed | {examples} | members that memorise | with a random pudding |", seeds(results)),
        "shares": lines("| start | came to | members | 95 % interval |", shares(results)),
        "members": lines(MEMBERS, members(results)),
    }.items():
        text = fill(text, name, table)
    page.write_text(text)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
