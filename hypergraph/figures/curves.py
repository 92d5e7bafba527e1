"""The loss of every member over beta: figure 4, its counterpart with shuffled variables, and rate-distortion curves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import MissingDataError
from hypergraph.figures.output import FigureOutput, FigureRow, by_group, columns, plotted, tick_logarithmic
from hypergraph.figures.phases import outcome_colours

LINE: dict[str, Any] = {"linewidth": 0.9, "markersize": 3, "alpha": 0.7}
UNCLASSIFIED = "#404040"
"""The colour of networks without a label."""
LEAST = 0.01
"""The smallest KL drawn, in nats; below, the sampled estimate is noise around zero."""


def encoder(run: FinishedRun) -> FigureOutput:
    """Figure 4: the loss with the encoder ignored against the loss with it, one line per member over beta."""
    run.need_encoder()
    names = ("member", "beta", "algorithm", "loss", "decoder_loss")
    rows = [{"outcome": run.outcomes[network.member], **columns(network, *names)} for network in run.networks]
    return _against(run, rows, "decoder_loss", ("loss with the encoder", "loss with the encoder ignored"))


def shuffle(run: FinishedRun) -> FigureOutput:
    """The loss after shuffling the learned variables, against the loss before; each member at its best price."""
    rows = [{"outcome": run.outcomes[record.member], **columns(record)} for record in run.shuffle]
    return _against(run, rows, "shuffled_loss", ("loss", "loss with the learned variables shuffled"))


def _against(run: FinishedRun, rows: Sequence[FigureRow], other: str, labels: tuple[str, str]) -> FigureOutput:
    """Another loss against the loss, one line per member in the colour of its outcome; dotted where they are equal."""
    groups, colours = by_group(rows, "outcome"), outcome_colours(run)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for outcome in sorted(groups):
            members = by_group(groups[outcome], "member")
            for line in members.values():
                x, y = [row["loss"] for row in line], [row[other] for row in line]
                axes.plot(x, y, "-o", color=colours[outcome], **LINE)
            axes.plot([], [], "-o", color=colours[outcome], label=f"outcome {outcome}: {len(members)}", **LINE)
        axes.set(xscale="log", yscale="log")
        low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
        axes.plot([low, high], [low, high], color="black", linestyle=":", linewidth=1)
        tick_logarithmic(axes)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.legend(loc="lower right", fontsize=8)

    return plotted(rows, (5.2, 4.6), plot)


def rate(run: FinishedRun) -> FigureOutput:
    """Loss against KL, one line per member over beta, each point in the colour of its algorithm."""
    run.need_encoder()
    rows = [columns(network, "member", "beta", "kl", "loss", "algorithm") for network in run.networks]
    colours: dict[Any, str] = {row["algorithm"]: UNCLASSIFIED for row in rows}
    with contextlib.suppress(MissingDataError):
        colours = {**colours, **run.classifier.colours}

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for line in by_group(rows, "member").values():
            x, y = [max(row["kl"], LEAST) for row in line], [row["loss"] for row in line]
            axes.plot(x, y, color="#bbbbbb", linewidth=0.6, zorder=1)
            axes.scatter(x, y, c=[colours[row["algorithm"]] for row in line], s=9, linewidths=0, zorder=2)
        labels = sorted({row["algorithm"] for row in rows if row["algorithm"]})
        for label in labels:
            axes.scatter([], [], c=colours[label], s=9, label=label)
        axes.set(xscale="log", yscale="log", xlabel="KL (nats)", ylabel="loss")
        tick_logarithmic(axes)
        if labels:
            axes.legend(loc="lower left", fontsize=8)

    return plotted(rows, (5.6, 4.2), plot)
