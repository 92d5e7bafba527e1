"""What is kept of members that diverge."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FAILURES = 3
"""After as many failures a member is retired."""


@dataclass(frozen=True)
class Failure:
    """A step in which a member diverged.

    Attributes:
        member: its number in the run.
        step: the step; it counts for the other members only.
        back_to: the step whose state the member was taken back to.
        loss: in that step, None where it was not finite.
        kl: in that step, in nats, None where it was not finite.
        retired: whether the member stays as it was at `back_to`.
    """

    member: int
    step: int
    back_to: int
    loss: float | None
    kl: float | None
    retired: bool

    def __str__(self) -> str:
        loss, kl = ("not finite" if value is None else f"{value:.3g}" for value in (self.loss, self.kl))
        found = f"member {self.member} diverged in step {self.step} (loss {loss}, KL {kl})"
        return f"{found}: {'retired as it was at' if self.retired else 'taken back to'} step {self.back_to}"


def from_fields(fields: object) -> list[Failure]:
    """Failures from the plain values of their fields. Raises ValueError where these are anything else."""
    try:
        failures = [Failure(**each) for each in fields]  # type: ignore[attr-defined]
    except TypeError:
        raise ValueError("no list of failures") from None
    if not all(map(_whole, failures)):
        raise ValueError("a failure with values of other types")
    return failures


def _whole(failure: Failure) -> bool:
    counts = failure.member, failure.step, failure.back_to
    numbers = [value for value in (failure.loss, failure.kl) if value is not None]
    return (
        all(type(count) is int and count >= 0 for count in counts)
        and all(type(number) is float for number in numbers)
        and type(failure.retired) is bool
    )
