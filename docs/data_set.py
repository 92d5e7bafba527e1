"""Writes docs/data-set.md's tables and picture from a finished run of a regression: python docs/data_set.py RUN.

The generated networks are compared with the same network trained by Adam alone, and with scikit-learn's ridge
regression and boosted trees, on the rows held out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from tables import DOCS, fill, lines
from torch import Tensor

import hypergraph as hg
from hypergraph.analysis.finished import FinishedRun
from hypergraph.runs.records import NetworkRecord
from hypergraph.training.baseline import train_directly
from hypergraph_tabular.task import Table

ADAM_STEPS = (100, 1_000, 10_000)
PENALTIES = [10 ** (exponent / 2) for exponent in range(-4, 9)]
"""Of ridge regression, which chooses by cross-validation within the training rows."""
EVERY = 3
"""The table shows every third price."""
COLOURS = ("0.6", "#f4b183", "#e08a1e", "#8a4b08", "#2e9e48", "#d6303f")
"""Of what is compared, in order."""


class Measured(NamedTuple):
    """How well a function predicts.

    Attributes:
        training: the loss on the training rows.
        held_out: the loss on the rows held out.
        error: the standard error of `held_out`.
        linear: the share of the variance of its outputs, held out, that a linear function of the inputs has.
    """

    training: float
    held_out: float
    error: float
    linear: float


class Comparison:
    """A finished run and the rows of its table."""

    def __init__(self, run: FinishedRun) -> None:
        assert isinstance(run.task, Table)
        self.run, self.task, self.data = run, run.task, run.task.data

    @torch.no_grad()
    def measure(self, function: Callable[[Tensor], Tensor]) -> Measured:
        training, held_out = self.data.training, self.data.held_out
        outputs = function(held_out.inputs)
        errors = (outputs - held_out.targets).square()
        loss = float(self.task.loss(function(training.inputs), training.targets))
        columns = torch.cat([held_out.inputs, torch.ones_like(outputs)], 1)
        rest = outputs - columns @ torch.linalg.lstsq(columns, outputs).solution
        linear = 1 - float(rest.var() / outputs.var())
        return Measured(loss, float(errors.mean()), float(errors.std()) / len(errors) ** 0.5, linear)

    def generated(self) -> list[tuple[NetworkRecord, Measured]]:
        """Every network of the run."""
        return [(record, self.measure(self.run.load_network(record))) for record in self.run.networks]

    def others(self) -> Iterator[tuple[str, Measured]]:
        """What is compared with them, by name."""
        yield "a constant answer", self.measure(lambda inputs: 0 * inputs[:, :1])
        for steps in ADAM_STEPS:
            network = train_directly(self.task, self.run.config.spec, seed=self.run.config.seed, steps=steps)
            yield f"Adam alone, {steps:,} steps", self.measure(network)
        inputs, targets = self.data.training.inputs.numpy(), self.data.training.targets.squeeze(1).numpy()
        for name, model in (
            ("ridge regression", RidgeCV(PENALTIES)),
            ("boosted trees", HistGradientBoostingRegressor(random_state=0)),
        ):
            model.fit(inputs, targets)
            yield name, self.measure(lambda rows, model=model: Tensor(model.predict(rows.numpy()))[:, None])


def price_rows(networks: Sequence[tuple[NetworkRecord, Measured]]) -> Iterator[tuple[object, ...]]:
    """Means over members at every third price, and the lowest and highest held-out loss."""
    for beta in sorted({record.beta for record, _ in networks})[::EVERY]:
        here = [(record.kl or 0, *measured) for record, measured in networks if record.beta == beta]
        kl, training, held_out, _, linear = map(mean, zip(*here, strict=True))
        losses = sorted(row[2] for row in here)
        span = f"{losses[0]:.2f} to {losses[-1]:.2f}"
        yield f"{beta:.0e}", f"{kl:.0f}", f"{training:.2f}", f"{held_out:.2f}", span, f"{100 * linear:.0f} %"


def compared(name: str, measured: Measured) -> tuple[object, ...]:
    """A row of the second table."""
    return name, f"{measured.training:.2f}", f"{measured.held_out:.2f} ± {measured.error:.2f}"


def draw(networks: Sequence[tuple[NetworkRecord, Measured]], others: dict[str, Measured], path: Path) -> None:
    """Held-out losses of every member over beta, and the others as horizontal lines."""
    figure = Figure((7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    for member in sorted({record.member for record, _ in networks}):
        line = [(record.beta, measured.held_out) for record, measured in networks if record.member == member]
        axes.plot(*zip(*line, strict=True), "-o", color="#2f6bd8", linewidth=0.9, markersize=3, alpha=0.7)
    axes.plot([], [], "-o", color="#2f6bd8", markersize=3, label="generated, one line per member")
    for (name, measured), colour in zip(others.items(), COLOURS, strict=True):
        axes.axhline(measured.held_out, color=colour, linestyle="--", linewidth=1.2, label=name)
    axes.set(xscale="log", yscale="log", xlabel="price of information, beta", ylabel="loss on the rows held out")
    axes.set_yticks([0.5, 0.7, 1, 1.5, 2])
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=150)


def main(path: Path) -> None:
    """Write the tables and the picture."""
    comparison = Comparison(hg.open_run(path))
    networks, others = comparison.generated(), dict(comparison.others())
    rows = [compared(*each) for each in others.items()]
    record, best = min(networks, key=lambda each: each[1].held_out)
    rows.append(compared(f"the best generated network, beta {record.beta:.0e}", best))
    page = DOCS / "data-set.md"
    header = "| beta | KL (nats) | loss, training rows | loss, held out | of the members | linear part |"
    text = fill(page.read_text(), "prices", lines(header, price_rows(networks)))
    page.write_text(fill(text, "others", lines("| what | loss, training rows | loss, held out |", rows)))
    draw(networks, others, DOCS / "pictures" / "data-set.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
