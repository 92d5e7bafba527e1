"""Figure 3: how the algorithms develop through training."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.phases import PhaseRecord
from hypergraph.figures.output import FigureOutput, columns, edges, grid, plotted


def phases(run: FinishedRun) -> FigureOutput:
    """Figure 3: one diagram per member, step by beta, coloured by algorithm; members sorted by outcome."""
    found, named = run.phases, run.outcomes
    rows = [{**columns(p), "outcome": named[p.member], "wiring": run.wirings[p.member]} for p in found]
    members = sorted(named, key=lambda member: (named[member], member))
    colours = run.classifier.colours
    across = min(6, len(members))

    def plot(figure: Figure) -> None:
        panels = grid(figure, len(members), across, sharex=True, sharey=True)
        for axes, member in zip(panels, members, strict=True):
            _diagram(axes, [phase for phase in found if phase.member == member], list(colours.items()))
            axes.set_title(f"({named[member]}) member {member}", fontsize=8)
        seen = {phase.algorithm for phase in found}
        handles = [Patch(color=colour, label=label) for label, colour in colours.items() if label in seen]
        figure.supxlabel("step", fontsize=9)
        figure.supylabel("log10 beta", fontsize=9)
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))

    return plotted(rows, (1.2 + 1.6 * across, 1.0 + 1.5 * -(-len(members) // across)), plot)


def _diagram(axes: Axes, found: list[PhaseRecord], colours: list[tuple[str, str]]) -> None:
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
