"""Writes the tables and pictures of docs/tasks.md from finished runs: python docs/tasks.py RUN..."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ship_generator import command
from tables import DOCS, fill, lines, load, table

HEADER = (
    "| member | algorithms, and at how many of 31 prices | lowest loss: beta, KL | loss at beta 1 | "
    "lowest loss, encoder ignored |"
)


def members(result: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """What each member of a run found."""
    for member in range(result["members"]):
        rows = [row for row in result["networks"] if row["member"] == member]
        counts = Counter(row["algorithm"] for row in rows)
        best = min(rows, key=lambda row: row["loss"])
        alone = min(row["decoder_loss"] for row in rows if row["decoder_loss"] is not None)
        yield (
            member,
            ", ".join(f"{label} {count}" for label, count in counts.most_common()),
            f"**{best['loss']:.4f}**: {best['beta']:.0e}, {best['kl']:.0f} nats",
            f"{max(rows, key=lambda row: row['beta'])['loss']:.2f}",
            f"{alone:.3f}",
        )


SAME = 1.01
"""Losses that are not this factor apart are told as the same: their standard error is larger."""


def beside_adam(run: Path) -> str:
    """The lowest loss of a run beside that of the same network trained by Adam alone."""
    adam, found = table(run, "baseline")
    alone, best = float(adam["loss"]), float(found["loss"])
    factor = max(alone, best) / min(alone, best)
    verdict = f"{'better' if alone < best else 'worse'}, by a factor of {factor:.1f}" if factor > SAME else "the same"
    return (
        f"The same network trained by Adam alone, without a hypernetwork: {alone:.4f} ({adam['algorithm']}), "
        f"where the lowest loss above is {best:.4f}: {verdict}."
    )


def section(run: Path) -> Iterator[str]:
    """The command of a run, how long it took, its table, and what Adam alone makes of its network."""
    result = load(run)
    solved = sum(row["loss"] < result["solved_loss"] for row in result["networks"])
    seconds = f"{result['training_seconds']:.0f} s of training"
    found = f"{solved} of {len(result['networks'])} networks below {result['solved_loss']}"
    yield f"`{command(result)}`: {seconds}; {found}."
    yield ""
    yield from lines(HEADER, members(result))
    yield ""
    yield beside_adam(run)


def main(runs: list[Path]) -> None:
    """Write every table of docs/tasks.md, and the picture of each task's algorithms."""
    page = DOCS / "tasks.md"
    text = page.read_text()
    for run in runs:
        text = fill(text, run.name, section(run))
        if "-" not in run.name:
            shutil.copy(run / "figures" / "algorithms.png", DOCS / "pictures" / f"{run.name}.png")
    page.write_text(text)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
