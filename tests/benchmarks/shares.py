"""Where the time of a training step goes: python -m benchmarks.shares LAYERS MEMBERS THREADS prints shares as JSON."""

from __future__ import annotations

import json
import sys

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.contestant import training_step
from hypergraph.spec import MLPSpec

STEPS = 10
PARTS = {
    "_Hypernetwork": "hypernetwork, forward",
    "_HypernetworkBackward": "hypernetwork, backward",
    **dict.fromkeys(("aten::bmm", "aten::baddbmm_", "aten::addmm_", "aten::mm", "aten::baddbmm"), "matrix products"),
    "aten::_fused_adam_": "Adam",
    "aten::normal_": "random draws",
    **dict.fromkeys(("aten::copy_", "aten::cat", "aten::fill_"), "copies"),
    **dict.fromkeys(("aten::linalg_vector_norm", "aten::mul_"), "clipping"),
}


def shares(layers: str, members: int, threads: int) -> dict[str, float]:
    """Part of the step -> its share of the time. Calls between operations are in "the rest"."""
    torch.set_num_threads(threads)
    step = training_step("compiled", MLPSpec(tuple(map(int, layers.split(",")))), members)
    for _ in range(2):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(STEPS):
            step()
    events = profiler.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    found = dict.fromkeys([*PARTS.values(), "the rest"], 0.0)
    for event in events:
        found[PARTS.get(event.key, "the rest")] += event.self_cpu_time_total / whole
    return found


if __name__ == "__main__":
    print(json.dumps(shares(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
