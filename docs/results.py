"""Writes the tables and pictures of docs/results.md from finished runs: python docs/results.py PAPER SIZES."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

from ship_generator import command
from tables import DOCS, fill, lines, load, table

Row = dict[str, Any]
PAPER_PICTURES = (
    "algorithms",
    "baseline",
    "order-space",
    "phases",
    "outcomes",
    "encoder",
    "sizes",
    "rate",
    "ablation",
    "shuffle",
)
MEMBERS = (
    "| outcome | member | wiring | algorithms, at how many of 31 prices | lowest loss | loss at beta 1 | "
    "lowest loss, encoder ignored |"
)
CHEAP, DEAR = 1.1e-6, 1.0
"""Prices that count as at most 1e-6, and the dearest."""
CONTOUR = 0.07
"""The paper's lower contour in figure 5."""
GOOD = 0.1
"""A loss up to which a network of an unseen size is counted as good."""
INPUTS = (8, 12, 16, 24, 32, 64)
"""Of figure 5, those that the text tells."""


def of_outcome(result: Row, named: dict[int, str], outcome: str) -> list[Row]:
    """The networks of all members that came to an outcome."""
    return [row for row in result["networks"] if named[row["member"]] == outcome]


def span(values: Iterable[float], digits: str = ".2g") -> str:
    """Smallest and largest, in words."""
    found = sorted(values)
    return f"{found[0]:{digits}} to {found[-1]:{digits}}" if found else "none"


def claims(paper: Path, result: Row, named: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    """What the paper says beside what came out."""
    networks = result["networks"]
    labels = [row["algorithm"] for row in table(paper, "algorithms")]
    yield "algorithms found by training", "convexity, pudding of both signs, double-sided", ", ".join(labels)

    members = {m: [row for row in networks if row["member"] == m and row["beta"] <= CHEAP] for m in named}
    solved = [m for m in named if all(r["algorithm"] == "double-sided" and r["loss"] <= 0.01 for r in members[m])]
    doubled = [row["loss"] for row in networks if row["algorithm"] == "double-sided"]
    yield (
        "memorised double-sided",
        "most accurate of the three, at the lowest prices",
        f"{len(solved)} members at loss 0.01 or less at every beta up to 1e-6; lowest loss {min(doubled):.4f}",
    )

    random = of_outcome(result, named, "d")
    losses = median_by_member(random, "decoder_loss")
    good = sum(loss <= CONTOUR for loss in losses)
    yield (
        "random pudding, encoder ignored",
        "still works",
        f"{good} of {len(losses)} members at loss {CONTOUR} or less (medians over beta); lowest {min(losses):.3f}",
    )
    yield "its KL", "nearly zero for every beta", f"at most {max(row['kl'] for row in random):.2g} nats"
    alpha = [row["order_parameters"]["seed_dependence"] for row in random]
    yield "its seed dependence", "high", span(alpha)
    memorised = [row for row in networks if row["algorithm"] == "double-sided" and row["beta"] <= CHEAP]
    ignored = span(row["decoder_loss"] for row in memorised)
    yield "memorised double-sided, encoder ignored", "does not work", f"loss {ignored} at beta up to 1e-6"
    dear = [row["loss"] for row in networks if row["beta"] == DEAR and row["algorithm"] == "convexity"]
    yield "convexity at beta 1", "imperfect", f"loss {span(dear)}, median {median(dear):.2f}, of {len(dear)} members"
    adam, generated = table(paper, "baseline")
    yield (
        "Adam alone",
        "lower loss than generated networks",
        f"loss {float(adam['loss']):.4f}; best generated {float(generated['loss']):.4f}",
    )


def median_by_member(rows: list[Row], name: str) -> list[float]:
    """One number per member."""
    return [median(row[name] for row in rows if row["member"] == m) for m in {row["member"] for row in rows}]


def by_member(result: Row, named: dict[int, str], wirings: dict[int, float]) -> Iterator[tuple[object, ...]]:
    """What every member came to."""
    for member in sorted(named, key=lambda m: (named[m], m)):
        rows = sorted((r for r in result["networks"] if r["member"] == member), key=lambda row: row["beta"])
        best, dear = min(rows, key=lambda row: row["loss"]), rows[-1]
        counts = [f"{a} {sum(r['algorithm'] == a for r in rows)}" for a in dict.fromkeys(r["algorithm"] for r in rows)]
        alone = min(row["decoder_loss"] for row in rows)
        yield (
            named[member],
            member,
            f"{wirings[member]:.2f}",
            ", ".join(counts),
            f"{best['loss']:.4f} ({best['algorithm']}, {best['kl']:.0f} nats)",
            f"{dear['loss']:.2f}",
            f"{alone:.3f}",
        )


def ridge(run: Path, inputs: Iterable[int]) -> Iterator[tuple[object, ...]]:
    """The lowest loss over hidden sizes, and where, for some input sizes."""
    rows = table(run, "sizes")
    for size in inputs:
        here = [row for row in rows if int(row["inputs"]) == size]
        cells = []
        for name in ("own", "training", "fitted"):
            best = min(here, key=lambda row: float(row[name]))
            cells.append(f"{float(best[name]):.3f} at {best['hidden']} hidden")
        yield size, *cells


def unseen(run: Path) -> Iterator[tuple[object, ...]]:
    """Losses at sizes that the generator was trained on and at sizes that it never saw."""
    rows = table(run, "unseen")
    for trained, meaning in (("True", "trained on"), ("False", "never seen")):
        losses = [float(row["own"]) for row in rows if row["trained"] == trained]
        yield meaning, len(losses), sum(loss <= GOOD for loss in losses), span(losses), f"{median(losses):.3f}"


def ablations(run: Path) -> Iterator[tuple[object, ...]]:
    """Growth of an input's own error and of the others' when its strongest weight is cut: means over members."""
    rows = table(run, "ablation")
    for label in dict.fromkeys(row["algorithm"] for row in rows):
        growths: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            if row["algorithm"] == label:
                growths.setdefault((row["ablated_input"], row["input"]), []).append(float(row["growth"]))
        means = {pair: mean(values) for pair, values in growths.items()}
        own = [value for (cut, other), value in means.items() if cut == other]
        others = [abs(value) for (cut, other), value in means.items() if cut != other]
        members = len({row["member"] for row in rows if row["algorithm"] == label})
        yield label, members, span(own), f"{max(others):.1g}"


def shuffles(run: Path) -> Iterator[tuple[object, ...]]:
    """Losses before and after the learned variables were dealt anew."""
    rows = table(run, "shuffle")
    for outcome in sorted({row["outcome"] for row in rows}):
        here = [row for row in rows if row["outcome"] == outcome]
        before, after = (span(float(row[name]) for row in here) for name in ("loss", "shuffled_loss"))
        yield outcome, len(here), before, after


def runs(paths: Iterable[Path]) -> Iterator[tuple[object, ...]]:
    """What was trained, and how long it took."""
    for path in paths:
        result = load(path)
        times = f"{result['training_seconds'] / 60:.0f} min", f"{result['analysis_seconds']:.0f} s"
        yield path.name, f"`{command(result)}`", result["members"], f"{result['recipe']['steps']:,}", *times


def main(paper: Path, sizes: Path) -> None:
    """Write every table and every picture of docs/results.md."""
    result = load(paper)
    development = table(paper, "phases")
    named = {int(row["member"]): row["outcome"] for row in development}
    wirings = {int(row["member"]): float(row["wiring"]) for row in development}
    tables = {
        "runs": lines("| run | command | members | steps | training | analysis |", runs((paper, sizes))),
        "claims": lines("| what | the paper | here |", claims(paper, result, named)),
        "outcomes": lines("| outcome | what it is | members | 95 % interval |", frequencies(paper)),
        "members": lines(MEMBERS, by_member(result, named, wirings)),
        "ridge": lines("| inputs | normalised at each size | as at (16, 48) | affine read-out |", ridge(paper, INPUTS)),
        "unseen": lines("| sizes | how many | with loss 0.1 or less | loss | median |", unseen(sizes)),
        "ablation": lines("| algorithm | members | own error grows by | others by at most |", ablations(paper)),
        "shuffle": lines("| outcome | members | loss | loss, learned variables shuffled |", shuffles(paper)),
    }
    page = DOCS / "results.md"
    text = page.read_text()
    for name, rows in tables.items():
        text = fill(text, name, rows)
    page.write_text(text)
    for run, names in ((paper, PAPER_PICTURES), (sizes, ("unseen",))):
        for name in names:
            shutil.copy(run / "figures" / f"{name}.png", DOCS / "pictures")


def frequencies(run: Path) -> Iterator[tuple[object, ...]]:
    """How often each outcome came."""
    for row in table(run, "outcomes"):
        interval = f"{100 * float(row['low']):.0f} to {100 * float(row['high']):.0f} %"
        yield row["outcome"], row["meaning"], f"{row['members']} of {row['of']}", interval


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
