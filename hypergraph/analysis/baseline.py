"""Compare a network that Adam trains directly (section 2.5) with the generated network of lowest loss."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.classify import Verdict, classify_strict
from hypergraph.analysis.kept import Analysis, here, kept
from hypergraph.analysis.measure import measure_loss
from hypergraph.errors import MissingDataError
from hypergraph.extensions.options import task_metadata
from hypergraph.runs.records import NetworkRecord
from hypergraph.storage.schema import Number
from hypergraph.training.baseline import train_directly
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

MAX_STEPS = 10_000
"""Steps of Adam, or those of the run if it has fewer."""
ADAM = "baseline/adam.safetensors"
"""The network trained by Adam, relative to RUN/analysis/."""


class BaselineRecord(Struct, frozen=True):
    """How one of the two networks was made; the other fields are those of NetworkRecord."""

    made_by: str
    loss: Number
    algorithm: str | None
    order_parameters: dict[str, Number]


def measure_baseline(run: FinishedRun) -> list[BaselineRecord]:
    """The network trained by Adam, then the generated one of lowest loss."""
    return kept(run, _BASELINE, {"both": run.best})


def _compare(run: FinishedRun, best: NetworkRecord) -> list[BaselineRecord]:
    recipe = run.config.recipe
    steps = min(MAX_STEPS, recipe.steps) if recipe else MAX_STEPS
    adam = train_directly(run.task, run.config.spec, seed=run.config.seed, steps=steps)
    adam.save(run.analysis_folder / ADAM, task_metadata(run.config.task, run.config.options))
    networks = {"Adam alone": adam, f"hypernetwork, beta {best.beta:.0e}": run.load_network(best)}
    records = []
    for made_by, network in networks.items():
        loss, verdict = float(measure_loss(run.task, network, seed=run.config.seed)), Verdict()
        with contextlib.suppress(MissingDataError):  # there may be no classifier
            (verdict,) = classify_strict(run.classifier, MLPWeights.stack([network]))
        records.append(BaselineRecord(made_by, loss, verdict.algorithm, {**verdict.order_parameters}))
    return records


_BASELINE = Analysis("baseline", "training by Adam", list[BaselineRecord], here(_compare))
