"""What each input's strongest weight is for: without it, whose error grows?"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from hypergraph.analysis.interventions import ablate_strongest
from hypergraph.figures.material import Material
from hypergraph.figures.sheet import Row, Sheet, plotted
from hypergraph.streams import stream


def ablation(material: Material) -> Sheet:
    """Growth of the error due to each input when one input's strongest weight is cut, for each algorithm's best."""
    best: dict[str, Row] = {}
    for row in sorted(material.networks, key=lambda row: row["loss"]):
        best.setdefault(row["algorithm"], row)
    colours = material.classifier.colours
    chosen = {label: best[label] for label in colours if label in best}
    rng = stream(material.config.seed, "ablation")
    growths = {label: ablate_strongest(material.network(row), material.task, rng) for label, row in chosen.items()}
    rows = [
        {"algorithm": label, "member": chosen[label]["member"], "beta": chosen[label]["beta"]}
        | {"ablated_input": cut, "input": other, "growth": float(growth[cut, other])}
        for label, growth in growths.items()
        for cut in range(len(growth))
        for other in range(len(growth))
    ]

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, len(growths), squeeze=False, sharey=True)[0]
        largest = max(float(growth.abs().max()) for growth in growths.values())
        for axes, (label, growth) in zip(panels, growths.items(), strict=True):
            norm = SymLogNorm(largest / 100, vmin=-largest, vmax=largest)
            image = axes.imshow(growth.numpy(), cmap="RdBu_r", norm=norm)
            own, others = summary(growth)
            axes.set_title(f"{label}\nown {own:.2g}, others at most {others:.1g}", fontsize=9)
            axes.set_xlabel("input whose error grows")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("input whose strongest weight is cut")
        figure.colorbar(image, ax=list(panels), label="growth of the error", pad=0.01)

    return plotted(rows, (1.5 + 3.2 * len(growths), 3.6), plot)


def summary(growth: Tensor) -> tuple[float, float]:
    """The median growth of an ablated input's own error, and the largest of any other's."""
    own = growth.diagonal()
    others = growth[~np.eye(len(growth), dtype=bool)]
    return float(own.median()), float(others.abs().max()) if others.numel() else 0.0
