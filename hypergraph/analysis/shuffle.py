"""The loss after the learned variables of each member are dealt anew among the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from hypergraph.analysis.interventions import shuffle_learned
from hypergraph.analysis.kept import Analysis
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.rng import stream
from hypergraph.runs.records import Count, NetworkRecord, Number, Price

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun


class ShuffleRecord(Struct, frozen=True):
    """One member at the price at which its loss is lowest.

    Attributes:
        member: number of the hypernetwork in its run.
        beta: the price per nat.
        kl: information in the latents, in nats.
        loss: the task's loss on fresh inputs.
        shuffled_loss: the loss after the learned variables were dealt anew.
    """

    member: Count
    beta: Price
    kl: Number
    loss: Number
    shuffled_loss: Number


def _measure(run: FinishedRun, best: NetworkRecord) -> list[ShuffleRecord]:
    member, seed = best.member, run.config.seed
    dealt = shuffle_learned(run.generator.member(member), stream(seed, member, "shuffle"))
    network = generate(dealt, best.beta, seed=seed, members=[member]).networks
    shuffled_loss = float(measure_loss(run.task, network, seed=seed))
    return [ShuffleRecord(member, best.beta, best.kl, best.loss, shuffled_loss)]


SHUFFLE = Analysis("shuffle", "shuffling learned variables", list[ShuffleRecord], _measure)
