"""Writes the table and the picture of the hidden widths in docs/results.md: python docs/widths.py RUN..."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from tables import DOCS, fill, lines, load

from hypergraph.figures.phases import wilson

Row = dict[str, Any]
CHEAP = 1.1e-6
"""Prices up to here are called low."""
LABELS = ("double-sided", "pudding", "convexity", "unknown")


def width(result: Row) -> int:
    """The number of hidden neurons."""
    return int(result["specs"][0]["sizes"][1])


def low_price(result: Row) -> dict[int, str]:
    """Which algorithm most networks of each member have at low prices."""
    labels: dict[int, Counter[str]] = {}
    for network in result["networks"]:
        if network["beta"] <= CHEAP:
            labels.setdefault(network["member"], Counter())[network["algorithm"]] += 1
    return {member: counts.most_common(1)[0][0] for member, counts in labels.items()}


def by_width(results: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """The algorithms at low prices, with intervals, and the losses there."""
    for result in results:
        found = Counter(low_price(result).values())
        cells = []
        for label in LABELS[:3]:
            low, high = wilson(found[label], result["members"])
            cells.append(f"{found[label]} ({low:.0%} to {high:.0%})" if found[label] else "0")
        losses = [
            min(n["loss"] for n in result["networks"] if n["member"] == member) for member in range(result["members"])
        ]
        yield width(result), result["members"], *cells, f"{min(losses):.4f} to {max(losses):.4f}"


def picture(results: Sequence[Row], path: Path) -> None:
    """Hidden width by price: in every cell, the shares of the members with each algorithm."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    seen: dict[str, str] = {}
    for place, result in enumerate(results):
        for beta in sorted({network["beta"] for network in result["networks"]}):
            labels = Counter(n["algorithm"] for n in result["networks"] if n["beta"] == beta)
            left = place - 0.45
            for label in LABELS:
                share, colour = 0.9 * labels[label] / result["members"], result["algorithms"][label]
                axes.barh(math.log10(beta), share, 0.4, left, color=colour)
                left += share
                if share:
                    seen[label] = colour
    axes.set_xticks(range(len(results)), [str(width(result)) for result in results])
    axes.set(xlabel="hidden neurons", ylabel="log10 beta")
    figure.legend(handles=[Patch(color=seen[label], label=label) for label in LABELS if label in seen],
                  loc="outside upper center", ncols=len(seen), frameon=False)  # fmt: skip
    figure.savefig(path, dpi=150)


def main(runs: Sequence[Path]) -> None:
    """Write the table and the picture."""
    results = sorted(map(load, runs), key=width)
    found = " | ".join(f"{label} (95 %)" for label in LABELS[:3])
    header = f"| hidden | members | {found} | lowest loss of a member |"
    page = DOCS / "results.md"
    page.write_text(fill(page.read_text(), "widths", lines(header, by_width(results))))
    picture(results, DOCS / "pictures" / "widths.png")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
