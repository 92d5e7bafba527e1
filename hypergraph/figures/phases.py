"""Figure 3: how the algorithms develop through training, and how often each outcome comes."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hypergraph.analysis.phases import Phase
from hypergraph.analysis.phases import outcomes as develop
from hypergraph.figures.material import Material
from hypergraph.figures.sheet import Row, Sheet, coloured, edges, grid, plotted
from hypergraph.training.schedule import draw_wiring

Z95 = 1.96
"""Standard deviations within which 95 percent of a normal distribution lie."""


def phases(material: Material) -> Sheet:
    """Figure 3: one diagram per member, step by beta, coloured by algorithm; members sorted by outcome."""
    found, named = material.phases, material.outcomes
    rows = [{**vars(phase), "outcome": named[phase.member]} for phase in found]
    members = sorted(named, key=lambda member: (named[member], member))
    colours = material.classifier.colours
    columns = min(6, len(members))

    def plot(figure: Figure) -> None:
        panels = grid(figure, len(members), columns, sharex=True, sharey=True)
        for axes, member in zip(panels, members, strict=True):
            _diagram(axes, [phase for phase in found if phase.member == member], list(colours.items()))
            axes.set_title(f"({named[member]}) member {member}", fontsize=8)
        seen = {phase.algorithm for phase in found}
        handles = [Patch(color=colour, label=label) for label, colour in colours.items() if label in seen]
        figure.supxlabel("step", fontsize=9)
        figure.supylabel("log10 beta", fontsize=9)
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))

    return plotted(rows, (1.2 + 1.6 * columns, 1.0 + 1.5 * -(-len(members) // columns)), plot)


def _diagram(axes: Axes, found: list[Phase], colours: list[tuple[str, str]]) -> None:
    steps, betas = sorted({phase.step for phase in found}), sorted({phase.beta for phase in found})
    labels = [label for label, _ in colours]
    cells = np.zeros((len(betas), len(steps)))
    for phase in found:
        cells[betas.index(phase.beta), steps.index(phase.step)] = labels.index(phase.algorithm)
    shown = ListedColormap([colour for _, colour in colours])
    norm = BoundaryNorm(range(len(labels) + 1), len(labels))
    axes.set_xscale("function", functions=(np.sqrt, np.square))  # checkpoints are closer together at first
    axes.pcolormesh([0, *steps], edges([math.log10(beta) for beta in betas]), cells, cmap=shown, norm=norm)
    axes.set_xticks([steps[-1] // 16, steps[-1] // 4, steps[-1]])
    axes.tick_params(labelsize=7)


def outcomes(material: Material) -> Sheet:
    """How many members came to each outcome, with 95 percent intervals, and from which start."""
    named, meanings = develop(material.classifier, material.phases), material.classifier.outcomes
    recipe = material.config.recipe
    names = [*meanings, *sorted(set(named.values()) - set(meanings))]
    colours = coloured(names)
    counts = [list(named.values()).count(name) for name in names]
    bounds = [wilson(count, len(named)) for count in counts]
    rows: list[Row] = [
        {
            "outcome": name,
            "meaning": meanings.get(name, ""),
            "members": count,
            "of": len(named),
            "low": low,
            "high": high,
        }
        for name, count, (low, high) in zip(names, counts, bounds, strict=True)
    ]
    wirings = {member: draw_wiring(recipe, material.config.seed, member) for member in named} if recipe else {}

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for place, row in enumerate(rows):
            colour, share = colours[row["outcome"]], row["members"] / row["of"]
            left.barh(place, share, color=colour, height=0.6)
            left.plot([row["low"], row["high"]], [place, place], color="black", linewidth=1.2)
            left.text(row["high"] + 0.02, place, f"{row['members']} of {row['of']}", va="center", fontsize=8)
            right.scatter(
                [wirings[m] for m in wirings if named[m] == row["outcome"]],
                [place for m in wirings if named[m] == row["outcome"]],
                color=colour,
                s=14,
            )
        left.set(xlim=(0, 1.2), xticks=[0, 0.5, 1], xlabel="share of members, 95 % interval")
        left.set_yticks(range(len(rows)), [f"({row['outcome']})" for row in rows])
        left.invert_yaxis()
        right.set(xlim=(-0.05, 1.05), xlabel="wiring at the start")

    return plotted(rows, (7.5, 0.8 + 0.4 * len(rows)), plot)


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 percent interval of a frequency, after Wilson (1927)."""
    share, weight = count / total, Z95**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = Z95 / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / total / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
