"""What each input's strongest weight is for: without it, whose error grows?"""

from __future__ import annotations

import math

import torch
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.kept import or_nan
from hypergraph.figures.output import FigureOutput, columns, plotted


def ablation(run: FinishedRun) -> FigureOutput:
    """Growth of the error due to each input when one input's strongest weight is cut.

    Of every member, the network of lowest loss of each algorithm; the picture shows means over members.
    """
    rows = [
        columns(record, "algorithm", "member", "beta", "loss")
        | {"ablated_input": cut, "input": other, "growth": or_nan(growth)}
        for record in run.ablation
        for cut, line in enumerate(record.growth)
        for other, growth in enumerate(line)
    ]
    growths: dict[str, list[Tensor]] = {label: [] for label in run.classifier.colours}
    for record in run.ablation:
        growths[record.algorithm].append(torch.tensor([list(map(or_nan, line)) for line in record.growth]))
    labels = [label for label, found in growths.items() if found]

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(labels), squeeze=False, sharey=True)[0]
        means = {label: torch.stack(growths[label]).mean(0) for label in labels}
        largest = max(float(mean.abs().max()) for mean in means.values())
        norm = SymLogNorm(largest / 100, vmin=-largest, vmax=largest)
        for axes, label in zip(panels, labels, strict=True):
            image = axes.imshow(means[label].numpy(), cmap="RdBu_r", norm=norm)
            own, others = own_and_others(means[label])
            axes.set_title(
                f"{label}, mean of {len(growths[label])}\nown {own:.2g}, others {others:.1g} at most", fontsize=9
            )
            axes.set_xlabel("input whose error grows")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("input whose strongest weight is cut")
        decade = 10.0 ** math.floor(math.log10(largest)) if largest else 1.0
        ticks = [-decade, -decade / 10, 0, decade / 10, decade]
        bar = figure.colorbar(image, ax=list(panels), label="growth of the squared error", pad=0.01, ticks=ticks)
        bar.ax.set_yticklabels([f"{tick:g}" for tick in ticks])

    return plotted(rows, (1.5 + 3.2 * len(labels), 4.4), plot)


def own_and_others(growth: Tensor) -> tuple[float, float]:
    """The median growth of an ablated input's own error, and the largest of any other's, from [ablated, input]."""
    others = growth[~torch.eye(len(growth), dtype=torch.bool)]
    return float(growth.diagonal().median()), float(others.abs().max()) if others.numel() else 0.0
