"""Figure 4 and the tests of what the encoder is for: ignore it, or deal its learned variables anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.figures.outcomes import outcome_colours
from hypergraph.figures.output import FigureOutput, FigureRow, by_group, columns, plotted, tick_logarithmic

LINE: dict[str, Any] = {"linewidth": 0.9, "markersize": 3, "alpha": 0.7}


def encoder(run: FinishedRun) -> FigureOutput:
    """Figure 4: the loss with the encoder ignored against the loss with it, one line per member over beta."""
    run.need_encoder()
    names = ("member", "beta", "algorithm", "loss", "decoder_loss")
    rows = [{"outcome": run.outcomes[network.member], **columns(network, *names)} for network in run.networks]
    return _against(run, rows, "decoder_loss", ("loss with the encoder", "loss with the encoder ignored"))


def shuffle(run: FinishedRun) -> FigureOutput:
    """The loss after the learned variables were dealt anew among the weights, against the loss before.

    Every member is taken at the price at which its loss is lowest.
    """
    rows = [{"outcome": run.outcomes[record.member], **columns(record)} for record in run.shuffle]
    return _against(run, rows, "shuffled_loss", ("loss", "loss with the learned variables shuffled"))


def _against(run: FinishedRun, rows: Sequence[FigureRow], other: str, labels: tuple[str, str]) -> FigureOutput:
    """Another loss against the loss, one line per member in the colour of its outcome."""
    groups, colours = by_group(rows, "outcome"), outcome_colours(run)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for outcome in sorted(groups):
            members = by_group(groups[outcome], "member")
            for line in members.values():
                x, y = [row["loss"] for row in line], [row[other] for row in line]
                axes.plot(x, y, "-o", color=colours[outcome], **LINE)
            axes.plot([], [], "-o", color=colours[outcome], label=f"outcome {outcome}: {len(members)}", **LINE)
        _equal(axes)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.legend(loc="lower right", fontsize=8)

    return plotted(rows, (5.2, 4.6), plot)


def _equal(axes: Axes) -> None:
    """Logarithmic axes, and the line on which both losses are equal, dotted."""
    axes.set(xscale="log", yscale="log")
    low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="black", linestyle=":", linewidth=1)
    tick_logarithmic(axes)
