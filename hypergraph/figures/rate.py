"""The rate-distortion curve of every member: how low a loss so much information buys."""

from __future__ import annotations

import contextlib
from typing import Any

from matplotlib.figure import Figure

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import MissingDataError
from hypergraph.figures.output import FigureOutput, by_group, columns, plotted, tick_logarithmic

UNCLASSIFIED = "#404040"
"""The colour of networks that no classifier knows."""
LEAST = 0.01
"""A KL below this, in nats, is drawn as this; it is noise of the sampled estimate of nothing."""


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
