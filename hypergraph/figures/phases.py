"""Figure 3, how the algorithms develop through training, and the frequency of each outcome."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.phases import PhaseRecord
from hypergraph.errors import MissingDataError
from hypergraph.figures.output import FigureOutput, FigureRow, coloured, columns, edges, grid, legend_columns, plotted

Z95 = 1.96
"""95 percent of a normal distribution lie within this many standard deviations."""


def phases(run: FinishedRun) -> FigureOutput:
    """Figure 3: one diagram per member, step by beta, coloured by algorithm; members sorted by outcome."""
    records, outcomes = run.phases, run.outcomes
    rows = [{**columns(p), "outcome": outcomes[p.member], "wiring": run.wirings[p.member]} for p in records]
    members = sorted(outcomes, key=lambda member: (outcomes[member], member))
    colours = run.classifier.colours
    across = min(6, len(members))
    width = 1.2 + 1.6 * across

    def plot(figure: Figure) -> None:
        panels = grid(figure, len(members), across, sharex=True, sharey=True)
        for axes, member in zip(panels, members, strict=True):
            _diagram(axes, [phase for phase in records if phase.member == member], list(colours.items()))
            axes.set_title(f"({outcomes[member]}) member {member}", fontsize=8)
        seen = {phase.algorithm for phase in records}
        handles = [Patch(color=colour, label=label) for label, colour in colours.items() if label in seen]
        figure.supxlabel("step", fontsize=9)
        figure.supylabel("log10 beta", fontsize=9)
        figure.legend(handles=handles, loc="outside upper center", ncols=legend_columns(handles, width))

    return plotted(rows, (width, 1.0 + 1.5 * -(-len(members) // across)), plot)


def _diagram(axes: Axes, phases: list[PhaseRecord], colours: list[tuple[str, str]]) -> None:
    steps, betas = sorted({phase.step for phase in phases}), sorted({phase.beta for phase in phases})
    labels = [label for label, _ in colours]
    cells = np.zeros((len(betas), len(steps)))
    for phase in phases:
        cells[betas.index(phase.beta), steps.index(phase.step)] = labels.index(phase.algorithm)
    shown = ListedColormap([colour for _, colour in colours])
    norm = BoundaryNorm(range(len(labels) + 1), len(labels))
    axes.set_xscale("function", functions=(np.sqrt, np.square))  # checkpoints are closer together at first
    axes.pcolormesh([0, *steps], edges([math.log10(beta) for beta in betas]), cells, cmap=shown, norm=norm)
    axes.set_xticks([steps[-1] // 16, steps[-1] // 4, steps[-1]])
    axes.tick_params(labelsize=7)


def outcomes(run: FinishedRun) -> FigureOutput:
    """The share of members with each outcome, with 95 percent intervals, and the wiring of each member."""
    run.need_checkpoints()
    outcome_of, colours, meanings = run.outcomes, outcome_colours(run), run.classifier.outcomes
    total, rows = len(outcome_of), []
    for outcome in colours:
        count = list(outcome_of.values()).count(outcome)
        low, high = wilson(count, total)
        row: FigureRow = {"outcome": outcome, "meaning": meanings.get(outcome, ""), "members": count, "of": total}
        rows.append(row | {"low": low, "high": high})

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for place, row in enumerate(rows):
            _bar(left, place, row, colours[row["outcome"]])
            wirings = [run.wirings[member] for member, outcome in outcome_of.items() if outcome == row["outcome"]]
            right.scatter(wirings, [place] * len(wirings), color=colours[row["outcome"]], s=14)
        left.set(xlim=(0, 1.2), xticks=[0, 0.5, 1], xlabel="share of members, 95 % interval")
        left.set_yticks(range(len(rows)), [f"({row['outcome']})" for row in rows])
        left.invert_yaxis()
        right.set(xlim=(-0.05, 1.05), xlabel="wiring at the start")

    return plotted(rows, (7.5, 0.8 + 0.4 * len(rows)), plot)


def outcome_colours(run: FinishedRun) -> dict[str, str]:
    """A colour for each possible outcome, the same in every figure: that of its algorithm if it is named for one."""
    names = list(run.outcomes.values())
    try:
        colours = run.classifier.colours
    except MissingDataError:
        return coloured(names)
    names += run.classifier.outcomes
    return {name: colours.get(name, colour) for name, colour in coloured(names).items()}


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
