"""How often each outcome of a training comes, and from which start."""

from __future__ import annotations

import contextlib
import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import MissingDataError
from hypergraph.figures.output import FigureOutput, FigureRow, coloured, plotted

Z95 = 1.96
"""Standard deviations within which 95 percent of a normal distribution lie."""


def outcomes(run: FinishedRun) -> FigureOutput:
    """The share of members that came to each outcome, with 95 percent intervals, and the wiring of each member."""
    run.need_checkpoints()
    named, colours, meanings = run.outcomes, outcome_colours(run), run.classifier.outcomes
    rows: list[FigureRow] = []
    for outcome in colours:
        count = list(named.values()).count(outcome)
        low, high = wilson(count, len(named))
        row = {"outcome": outcome, "meaning": meanings.get(outcome, ""), "members": count}
        rows.append(row | {"of": len(named), "low": low, "high": high})

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for place, row in enumerate(rows):
            _bar(left, place, row, colours[row["outcome"]])
            wirings = [run.wirings[member] for member, outcome in named.items() if outcome == row["outcome"]]
            right.scatter(wirings, [place] * len(wirings), color=colours[row["outcome"]], s=14)
        left.set(xlim=(0, 1.2), xticks=[0, 0.5, 1], xlabel="share of members, 95 % interval")
        left.set_yticks(range(len(rows)), [f"({row['outcome']})" for row in rows])
        left.invert_yaxis()
        right.set(xlim=(-0.05, 1.05), xlabel="wiring at the start")

    return plotted(rows, (7.5, 0.8 + 0.4 * len(rows)), plot)


def outcome_colours(run: FinishedRun) -> dict[str, str]:
    """A colour for each outcome that there may be, the same in every figure."""
    names = list(run.outcomes.values())
    with contextlib.suppress(MissingDataError):
        names += run.classifier.outcomes
    return coloured(names)


def _bar(axes: Axes, place: int, row: FigureRow, colour: str) -> None:
    axes.barh(place, row["members"] / row["of"], color=colour, height=0.6)
    axes.plot([row["low"], row["high"]], [place, place], color="black", linewidth=1.2)
    axes.text(row["high"] + 0.02, place, f"{row['members']} of {row['of']}", va="center", fontsize=8)


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 percent interval of a frequency, after Wilson (1927)."""
    share, weight = count / total, Z95**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = Z95 / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / total / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
