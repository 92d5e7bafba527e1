"""Doing a run again, and saying whether the same came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypergraph.cli.console import err, parse_device

if TYPE_CHECKING:
    from hypergraph.runs.config import RunConfig


def repeated(source: Path, device: str | None) -> RunConfig:
    """The configuration of a run to do again, on another device if one is named. Raises HypergraphError."""
    from dataclasses import replace

    from hypergraph.runs.config import current_versions
    from hypergraph.runs.directory import read_config

    recorded = read_config(source / "config.json" if source.is_dir() else source)
    chosen = replace(recorded, device=parse_device(device or recorded.device))
    check_here(chosen, source)
    return replace(chosen, versions=current_versions(chosen.task, chosen.device))


def check_here(config: RunConfig, path: Path) -> None:
    """Tell what a run's numbers depend on and is here another than where it was started.

    Raises UsageError where its largest chunk does not fit in memory, PluginError.
    """
    from hypergraph.runs.config import current_versions
    from hypergraph.training.memory import RECOMPUTED, check_memory, free_memory

    free = free_memory(parse_device(config.device))
    check_memory(config.largest, max(map(len, config.member_ranges)), RECOMPUTED, free)

    here = current_versions(config.task, config.device)
    changed = [
        f"{name} {then} (here {here.get(name)})" for name, then in config.versions.items() if here.get(name) != then
    ]
    if changed:
        err.print(f"{path} was started with {', '.join(changed)}: its numbers may differ", soft_wrap=True)


def compared(result: dict[str, Any], source: Path) -> str:
    """Whether the networks of a result have the numbers that the repeated run recorded."""
    from hypergraph.storage.untrusted import read_json

    path = source / "result.json" if source.is_dir() else source
    recorded = read_json(path) if path.is_file() else {}
    networks = recorded.get("networks") if isinstance(recorded, dict) else None
    if networks is None:
        return f"{source} records no networks to compare with"
    if networks == result["networks"]:
        return f"Every number of every network is as in {source}"
    return f"The numbers of the networks differ from {source}"
