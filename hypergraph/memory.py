"""Refuse work that would not fit in memory, before it starts."""

import psutil
import torch

from hypergraph.errors import UsageError
from hypergraph.spec import MLPSpec

TRAINING = 15_000
"""Bytes per weight and member that a training step takes; 14,200 were measured at (128, 512, 10)."""
GENERATION = 5_000
"""Bytes per weight and member that generating takes; 2,300 were measured at (128, 512, 10) without the encoder."""


def check_memory(spec: MLPSpec, members: int, per_weight: int, device: str = "cpu") -> None:
    """Raise UsageError where `members` networks of this spec need more memory than `device` has free.

    `per_weight` is TRAINING or GENERATION.
    """
    free = psutil.virtual_memory().available if device == "cpu" else torch.cuda.mem_get_info(device)[0]
    needed = spec.weight_count * members * per_weight
    if needed > free:
        most = free // (per_weight * members)
        raise UsageError(
            f"{spec} has {spec.weight_count:,} weights; {members} at once need about {needed / 1e9:,.1f} GB and "
            f"{free / 1e9:,.1f} GB are free: at most {most:,} weights fit, or fewer members"
        )
