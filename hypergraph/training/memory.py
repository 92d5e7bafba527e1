"""Estimates of memory, to refuse work that would not fit. `make bench` prints what work really takes."""

import psutil
import torch

from hypergraph.errors import UsageError
from hypergraph.spec import MLPSpec

MEMBER = 6_000_000
"""Bytes per member for any network, mostly parameters, moments and gradients of the hyperhypernetwork."""
TRAINING = 16_000
"""Bytes per weight and member of a training step; measured: 10,000 to 12,200 compiled, up to 15,600 with torch."""
RECOMPUTED = 13_000
"""The same where gradients recompute hyperlayers; measured: 9,000 compiled, up to 12,600 with torch operators."""
GENERATION = 5_000
"""Bytes per weight and member of generating; measured: 1,200 compiled without the encoder."""


def free_memory(device: str = "cpu") -> int:
    """Free bytes on a device, as torch names it."""
    return int(psutil.virtual_memory().available if device == "cpu" else torch.cuda.mem_get_info(device)[0])


def needs_recompute(spec: MLPSpec, members: int, device: str = "cpu") -> bool:
    """Whether a training step fits in the free memory of `device` only if gradients recompute the hyperlayers."""
    return needed_memory(spec, members, TRAINING) > free_memory(device)


def fitting_members(spec: MLPSpec, per_weight: int, free: int) -> int:
    """The number of members that fit in `free` bytes at once, at least one; `per_weight` as in check_memory."""
    return max(1, free // needed_memory(spec, 1, per_weight))


def check_memory(spec: MLPSpec, members: int, per_weight: int, free: int | None = None) -> None:
    """Raise UsageError where `members` networks need more than `free` bytes, by default the free memory here.

    `per_weight` is TRAINING, RECOMPUTED or GENERATION.
    """
    free, needed = free_memory() if free is None else free, needed_memory(spec, members, per_weight)
    if needed > free:
        max_weights = max(0, free // members - MEMBER) // per_weight
        raise UsageError(
            f"{spec} has {spec.weight_count:,} weights; {members} at once need about {needed / 1e9:,.1f} GB and "
            f"{free / 1e9:,.1f} GB are free: at most {max_weights:,} weights fit, or fewer members"
        )


def needed_memory(spec: MLPSpec, members: int, per_weight: int) -> int:
    """The bytes that `members` networks need at once; `per_weight` as in check_memory."""
    return members * (MEMBER + spec.weight_count * per_weight)
