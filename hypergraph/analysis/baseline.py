"""A network trained by Adam alone (section 2.5), measured beside the generated one of lowest loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.classify import Verdict, classify_strict
from hypergraph.analysis.kept import Analysis
from hypergraph.analysis.measure import measure_loss
from hypergraph.errors import MissingDataError
from hypergraph.runs.records import NetworkRecord
from hypergraph.storage.schema import Number
from hypergraph.training.baseline import train_directly
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun

ADAM = "baseline/adam.safetensors"
"""The network trained by Adam, relative to RUN/analysis/."""


class BaselineRecord(Struct, frozen=True):
    """How one of the two networks was made, and what was measured on it; see NetworkRecord."""

    made_by: str
    loss: Number
    algorithm: str | None
    order_parameters: dict[str, Number]


def _measure(run: FinishedRun, best: NetworkRecord) -> list[BaselineRecord]:
    adam = train_directly(run.task, run.config.spec, seed=run.config.seed)
    adam.save(run.analysis_folder / ADAM)
    networks = {"Adam alone": adam, f"hypernetwork, beta {best.beta:.0e}": run.load_network(best)}
    return [_measured(run, made_by, network) for made_by, network in networks.items()]


def _measured(run: FinishedRun, made_by: str, network: MLPWeights) -> BaselineRecord:
    loss = float(measure_loss(run.task, network, seed=run.config.seed))
    try:
        (verdict,) = classify_strict(run.classifier, MLPWeights.stack([network]))
    except MissingDataError:
        verdict = Verdict()
    return BaselineRecord(made_by, loss, verdict.algorithm, {**verdict.order_parameters})


BASELINE = Analysis("baseline", "training by Adam", list[BaselineRecord], _measure)
