"""What is kept of members that diverge."""

from __future__ import annotations

from hypergraph.storage.schema import Count, Number, Record

MAX_FAILURES = 3
"""After as many failures a member is retired."""


class Failure(Record, frozen=True, forbid_unknown_fields=True):
    """A step in which a member diverged.

    Attributes:
        member: its number in the run.
        step: the step, which counts for the other members only.
        back_to: the step whose state the member was taken back to.
        loss: the loss in that step, null where it was not finite.
        kl: information in the latents in that step, in nats, null where it was not finite.
        retired: whether the member stays as it was at `back_to`.
    """

    member: Count
    step: Count
    back_to: Count
    loss: Number
    kl: Number
    retired: bool

    def __str__(self) -> str:
        loss, kl = ("not finite" if value is None else f"{value:.3g}" for value in (self.loss, self.kl))
        found = f"member {self.member} diverged in step {self.step} (loss {loss}, KL {kl})"
        return f"{found}: {'retired as it was at' if self.retired else 'taken back to'} step {self.back_to}"
