"""What the numbers of a run depend on beside its configuration: versions, and the processor."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import torch

from hypergraph.extensions.registry import TASKS
from hypergraph.model.kernel import BLOCKS


def current_versions(task: str, device: str) -> dict[str, str]:
    """What numbers depend on, by name, as it is in this process. Raises PluginError."""
    plugin, on_cpu = TASKS.find(task), device == "cpu"
    return {
        **{name: version(name) for name in ("hypergraph-toolkit", "torch", "dgl")},
        plugin.distribution: plugin.version,
        "python": platform.python_version(),
        "blocks": BLOCKS,
        "processor": torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device),
    }


def changed_versions(recorded: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """What was recorded and differs now, such as "torch 2.4 (here 2.13)"."""
    return [f"{name} {then} (here {present.get(name)})" for name, then in recorded.items() if present.get(name) != then]
