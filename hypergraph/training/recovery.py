"""Return diverged members to the last good state, and retire them in the end; other members are not affected."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hypergraph.errors import HypergraphError
from hypergraph.storage.atomic import finite
from hypergraph.training.checkpoint import SavedTraining, Snapshot, State
from hypergraph.training.failures import MAX_FAILURES, Failure


class Recovery:
    """Keeps track of diverged members, and restores them.

    Args:
        state: the state of the training, which is changed in place.
        members: their numbers in the run, in the order of the state.

    Attributes:
        failures: all failures so far.
        good: where the last good state is; None before one was kept.
    """

    def __init__(self, state: State, members: Sequence[int]) -> None:
        self._state, self._members = state, tuple(members)
        self.failures: list[Failure] = []
        self.good: Snapshot | None = None
        self._retired: dict[int, State] = {}
        self._noted = next(iter(state.values())).new_zeros(3, len(self._members), dtype=torch.float64)

    def note(self, step: int | Tensor, bad: Tensor, loss: Tensor, kl: Tensor) -> None:
        """Note members that diverged in this step (`bad`), on their device; bad, loss and KL are [member].

        Of several failures of a member before the next `recover`, the first counts.
        """
        fresh = bad & (self._noted[0] == 0)
        for noted, now in zip(self._noted, (step, loss.double(), kl.double()), strict=True):
            noted.copy_(torch.where(fresh, now, noted))

    def recover(self) -> None:
        """Restore members that diverged since the last call or are retired: the one time that the host reads a step.

        Raises HypergraphError where a member diverges before a state was kept.
        """
        steps, losses, kls = self._noted.tolist()
        for place, step in enumerate(steps):
            if step and place not in self._retired:
                self._rollback(place, int(step), losses[place], kls[place])
        for place, tensors in self._retired.items():
            self._put(place, tensors)
        self._noted.zero_()

    def resume(self, saved: SavedTraining) -> None:
        """Continue a saved training; members that are retired in it keep the state that they have there."""
        self.failures, self.good = saved.failures, saved.good
        self._noted.zero_()
        retired = [failure.member for failure in saved.failures if failure.retired]
        places = [self._members.index(member) for member in retired if member in self._members]
        self._retired = {place: _member(saved.state, place) for place in places}

    def _rollback(self, place: int, step: int, loss: float, kl: float) -> None:
        member = self._members[place]
        if self.good is None:
            raise HypergraphError(f"member {member} diverged in step {step}, before a state was kept")
        tensors = _member(self.good.read(), place)
        self._put(place, tensors)
        retire = sum(failure.member == member for failure in self.failures) + 1 == MAX_FAILURES
        if retire:
            self._retired[place] = tensors
        self.failures.append(Failure(member, step, self.good.step, finite(loss), finite(kl), retire))

    def _put(self, place: int, tensors: State) -> None:
        for name, tensor in self._state.items():
            tensor[place] = tensors[name]


def _member(state: State, place: int) -> State:
    """The tensors of one member."""
    return {name: tensor[place].clone() for name, tensor in state.items()}
