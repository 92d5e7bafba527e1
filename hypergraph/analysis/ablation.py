"""What each input's strongest weight is for: without it, whose error grows?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.interventions import ablate_strongest
from hypergraph.analysis.kept import Analysis
from hypergraph.rng import stream
from hypergraph.runs.records import Count, NetworkRecord, Number, Price

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun


class AblationRecord(Struct, frozen=True):
    """The network of lowest loss of an algorithm and a member.

    Attributes:
        algorithm: the classifier's label.
        member: number of the hypernetwork in its run.
        beta: the price per nat.
        loss: the task's loss on fresh inputs.
        growth: of the error due to each input when an input's strongest weight is cut, [ablated input][input].
    """

    algorithm: str
    member: Count
    beta: Price
    loss: Number
    growth: list[list[Number]]


def _measure(run: FinishedRun, best: Sequence[tuple[str, NetworkRecord]]) -> list[AblationRecord]:
    """All networks in one part: they draw their inputs from one stream, one after another."""
    rng = stream(run.config.seed, "ablation")
    return [
        AblationRecord(
            algorithm,
            network.member,
            network.beta,
            network.loss,
            ablate_strongest(run.load_network(network), run.task, rng).tolist(),
        )
        for algorithm, network in best
    ]


ABLATION = Analysis("ablation", "cutting weights", list[AblationRecord], _measure)
