"""Refuse work that would not fit in memory, before it starts. `make bench` prints what was really taken."""

import psutil
import torch

from hypergraph.errors import UsageError
from hypergraph.spec import MLPSpec

MEMBER = 6_000_000
"""Bytes per member, whatever it generates: above all the hyperhypernetwork's parameters, moments and gradients."""
TRAINING = 16_000
"""Bytes per weight and member that a training step takes: 10,000 to 12,200 compiled, to 15,600 with torch operators."""
RECOMPUTED = 13_000
"""The same where hyperlayers are recomputed on the way back: 9,000 compiled, to 12,600 with torch operators."""
GENERATION = 5_000
"""Bytes per weight and member that generating takes: 1,200 compiled without the encoder."""


def free_memory(device: str = "cpu") -> int:
    """Bytes that are free on a device of this machine, as torch names it."""
    return int(psutil.virtual_memory().available if device == "cpu" else torch.cuda.mem_get_info(device)[0])


def needs_recompute(spec: MLPSpec, members: int, device: str = "cpu") -> bool:
    """Whether a training step would not fit in what `device` has free unless it recomputes the hyperlayers."""
    return _needed(spec, members, TRAINING) > free_memory(device)


def fitting_members(spec: MLPSpec, per_weight: int, free: int) -> int:
    """How many members fit at once in `free` bytes, at least one; `per_weight` as in check_memory."""
    return max(1, free // _needed(spec, 1, per_weight))


def check_memory(spec: MLPSpec, members: int, per_weight: int, free: int | None = None) -> None:
    """Raise UsageError where `members` networks of this spec need more than `free` bytes, or than this machine has.

    `per_weight` is TRAINING, RECOMPUTED or GENERATION.
    """
    free, needed = free_memory() if free is None else free, _needed(spec, members, per_weight)
    if needed > free:
        most = max(0, free // members - MEMBER) // per_weight
        raise UsageError(
            f"{spec} has {spec.weight_count:,} weights; {members} at once need about {needed / 1e9:,.1f} GB and "
            f"{free / 1e9:,.1f} GB are free: at most {most:,} weights fit, or fewer members"
        )


def _needed(spec: MLPSpec, members: int, per_weight: int) -> int:
    return members * (MEMBER + spec.weight_count * per_weight)
