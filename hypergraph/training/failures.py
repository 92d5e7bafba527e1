"""Records of members that diverged."""

from __future__ import annotations

from hypergraph.storage.schema import Count, Number, Record

MAX_FAILURES = 3
"""Failures after which a member is retired."""


class Failure(Record, frozen=True, forbid_unknown_fields=True):
    """A step in which a member diverged.

    Attributes:
        member: its number in the run.
        step: the step in which it diverged, which is undone for this member only.
        back_to: the step of the state to which the member returned.
        loss: the loss in `step`, null where it was not finite.
        kl: information in the latents in `step`, in nats, null where it was not finite.
        retired: whether the member keeps the state of `back_to` from now on.
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
