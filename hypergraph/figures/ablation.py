"""Cut each input's strongest weight: the error due to which inputs grows?"""

from __future__ import annotations

import math

import torch
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import or_nan
from hypergraph.figures.output import FigureOutput, FigureRow, columns, plotted


def ablation(run: FinishedRun) -> FigureOutput:
    """Growth of the error due to each input when one input's strongest weight is cut.

    One network per algorithm and member, that of lowest loss; the picture shows means over members.
    """
    rows: list[FigureRow] = []
    growths: dict[str, list[Tensor]] = {label: [] for label in run.classifier.colours}
    for record in run.ablation:
        growth = torch.tensor([list(map(or_nan, line)) for line in record.growth], dtype=torch.float64)
        growths[record.algorithm].append(growth.float())
        row = columns(record, "algorithm", "member", "beta", "loss")
        for cut, line in enumerate(growth.tolist()):
            rows += [row | {"ablated_input": cut, "input": other, "growth": value} for other, value in enumerate(line)]
    means = {label: torch.stack(tensors).mean(0) for label, tensors in growths.items() if tensors}

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(means), squeeze=False, sharey=True)[0]
        largest = max(float(mean.abs().max()) for mean in means.values())
        norm = SymLogNorm(largest / 100, vmin=-largest, vmax=largest)
        for axes, (label, mean) in zip(panels, means.items(), strict=True):
            image = axes.imshow(mean.numpy(), cmap="RdBu_r", norm=norm)
            own, others = own_and_others(mean)
            title = f"{label}, mean of {len(growths[label])}\nown {own:.2g}, others {others:.1g} at most"
            axes.set_title(title, fontsize=9)
            axes.set_xlabel("input whose error grows")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("input whose strongest weight is cut")
        decade = 10.0 ** math.floor(math.log10(largest)) if largest else 1.0
        ticks = [-decade, -decade / 10, 0, decade / 10, decade]
        bar = figure.colorbar(image, ax=list(panels), label="growth of the squared error", pad=0.01, ticks=ticks)
        bar.ax.set_yticklabels([f"{tick:g}" for tick in ticks])

    return plotted(rows, (1.5 + 3.2 * len(means), 4.4), plot)


def own_and_others(growth: Tensor) -> tuple[float, float]:
    """The median growth of the cut inputs' own error, and the largest of any other's, from [cut, input]."""
    others = growth[~torch.eye(len(growth), dtype=torch.bool)]
    return float(growth.diagonal().median()), float(others.abs().max()) if others.numel() else 0.0
