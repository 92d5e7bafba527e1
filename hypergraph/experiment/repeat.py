"""Doing a run again, or going on with one, and whether the same numbers can be expected and came out."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from hypergraph.experiment.plan import resolve_device
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory, read_config
from hypergraph.runs.provenance import changed_versions, current_versions
from hypergraph.storage.untrusted import read_json
from hypergraph.training.memory import RECOMPUTED, check_memory, free_memory


def plan_repeat(source: Path, device: str | None = None) -> tuple[RunConfig, list[str]]:
    """The configuration of a run to do again, given its folder or result.json, and what differs here.

    Args:
        source: the run.
        device: another device, if one is named.

    Raises:
        UsageError: the device is not here, or its memory is too small.
        FileError: there is no run.
        PluginError: the task cannot be loaded.
    """
    recorded = read_config(source / "config.json" if source.is_dir() else source)
    chosen = replace(recorded, device=resolve_device(device or recorded.device))
    return replace(chosen, versions=current_versions(chosen.task, chosen.device)), check_here(chosen)


def check_here(config: RunConfig) -> list[str]:
    """What the numbers of a run depend on and differs here: versions and hardware.

    Raises UsageError where its largest chunk does not fit in memory, PluginError.
    """
    device = resolve_device(config.device)
    check_memory(config.largest, max(map(len, config.member_ranges)), RECOMPUTED, free_memory(device))
    return changed_versions(config.versions, current_versions(config.task, device))


def same_networks(run: RunDirectory, source: Path) -> bool | None:
    """Whether a finished run has, for every network, the numbers that `source` recorded; None where it records none."""
    path = source / "result.json" if source.is_dir() else source
    found, recorded = (read_json(each) if each.is_file() else None for each in (run.result, path))
    if not isinstance(found, dict) or not isinstance(recorded, dict) or "networks" not in recorded:
        return None
    return bool(found["networks"] == recorded["networks"])
