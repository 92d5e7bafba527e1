"""Figure 4 and the tests of what the encoder is for: ignore it, or deal its learned variables anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hypergraph.analysis.interventions import shuffle_learned
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.output import FigureOutput, Row, by_group, plotted, tick_logarithmic
from hypergraph.rng import stream

LINE: dict[str, Any] = {"linewidth": 0.9, "markersize": 3, "alpha": 0.7}


def encoder(material: FinishedRun) -> FigureOutput:
    """Figure 4: the loss with the encoder ignored against the loss with it, one line per member over beta."""
    material.need_encoder()
    rows = [
        {"outcome": material.outcomes[row["member"]]}
        | {name: row[name] for name in ("member", "beta", "algorithm", "loss", "decoder_loss")}
        for row in material.networks
    ]
    return _against(material, rows, "decoder_loss", ("loss with the encoder", "loss with the encoder ignored"))


def shuffle(material: FinishedRun) -> FigureOutput:
    """The loss after the learned variables were dealt anew among the weights, against the loss before.

    Every member is taken at the price at which its loss is lowest.
    """
    material.need_encoder()
    generator, seed = material.generator, material.config.seed
    rows = []
    for member, networks in by_group(material.networks, "member").items():
        best = min(networks, key=lambda row: row["loss"])
        dealt = shuffle_learned(generator.member(member), stream(seed, member, "shuffle"))
        network = generate(dealt, best["beta"], seed=seed, members=[member]).networks
        row = {"outcome": material.outcomes[member], "member": member, "beta": best["beta"], "kl": best["kl"]}
        rows.append(
            row | {"loss": best["loss"], "shuffled_loss": float(measure_loss(material.task, network, seed=seed))}
        )
    return _against(material, rows, "shuffled_loss", ("loss", "loss with the learned variables shuffled"))


def _against(material: FinishedRun, rows: Sequence[Row], other: str, labels: tuple[str, str]) -> FigureOutput:
    """Another loss against the loss, one line per member in the colour of its outcome."""
    groups, colours = by_group(rows, "outcome"), material.outcome_colours

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
