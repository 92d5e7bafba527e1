"""The versions and the processor, which affect the numbers of a run beside its configuration."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import torch

from hypergraph.extensions.registry import TASKS
from hypergraph.graph.structure import dgl_version
from hypergraph.model.kernel import BLOCKS


def current_versions(task: str, device: str) -> dict[str, str]:
    """The versions and the processor of this process, by name. Raises PluginError."""
    plugin, on_cpu = TASKS.find(task), device == "cpu"
    return {
        "hypergraph-toolkit": version("hypergraph-toolkit"),
        "torch": str(torch.__version__),
        "dgl": dgl_version(),
        plugin.distribution: plugin.version,
        "python": platform.python_version(),
        "blocks": BLOCKS,
        "processor": torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device),
    }


def changed_versions(recorded: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """The recorded versions that differ now, such as "torch 2.4 (here 2.13)"."""
    return [f"{name} {then} (here {present.get(name)})" for name, then in recorded.items() if present.get(name) != then]
