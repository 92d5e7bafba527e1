"""What each input's strongest weight is for: without it, whose error grows?"""

from __future__ import annotations

import math

import torch
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from hypergraph.analysis.interventions import ablate_strongest
from hypergraph.figures.material import FinishedRun
from hypergraph.figures.output import FigureOutput, Row, by_group, plotted
from hypergraph.rng import stream


def ablation(material: FinishedRun) -> FigureOutput:
    """Growth of the error due to each input when one input's strongest weight is cut.

    Of every member, the network of lowest loss of each algorithm; the picture shows means over members.
    """
    best: dict[tuple[str, int], Row] = {}
    for row in sorted(material.classified, key=lambda row: row["loss"]):
        best.setdefault((row["algorithm"], row["member"]), row)
    rng = stream(material.config.seed, "ablation")
    growths = {
        key: ablate_strongest(material.network(row), material.task, rng)
        for key, row in material.track(sorted(best.items()), "cutting weights")
    }
    rows = [
        {"algorithm": key[0], **{name: best[key][name] for name in ("member", "beta", "loss")}}
        | {"ablated_input": cut, "input": other, "growth": float(growth[cut, other])}
        for key, growth in growths.items()
        for cut in range(len(growth))
        for other in range(len(growth))
    ]
    labels = [label for label in material.classifier.colours if label in by_group(rows, "algorithm")]
    by_label = {label: torch.stack([g for key, g in growths.items() if key[0] == label]) for label in labels}

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(labels), squeeze=False, sharey=True)[0]
        means = {label: stacked.mean(0) for label, stacked in by_label.items()}
        largest = max(float(mean.abs().max()) for mean in means.values())
        norm = SymLogNorm(largest / 100, vmin=-largest, vmax=largest)
        for axes, label in zip(panels, labels, strict=True):
            image = axes.imshow(means[label].numpy(), cmap="RdBu_r", norm=norm)
            own, others = own_and_others(means[label])
            axes.set_title(
                f"{label}, mean of {len(by_label[label])}\nown {own:.2g}, others {others:.1g} at most", fontsize=9
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
