"""Plan a run: check a request against the task and the machine, and make the run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from msgspec.structs import replace

from hypergraph.engines.base import Engine, plan_chunks
from hypergraph.errors import UsageError
from hypergraph.extensions.options import complete_options
from hypergraph.extensions.registry import ENGINES, TASKS
from hypergraph.runs.config import DEVICE, RunConfig
from hypergraph.runs.directory import RunDirectory, new_folder, read_config
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.runs.provenance import changed_versions, current_versions
from hypergraph.runs.table import check_parquet
from hypergraph.spec import MLPSpec
from hypergraph.storage.schema import Record, as_record
from hypergraph.training.memory import RECOMPUTED, check_memory
from hypergraph.training.recipe import PRESETS, Recipe

RUNS = Path("runs")
"""The folder of runs without a folder of their own."""


class Request(Record, frozen=True):
    """A request for a new run; its fields are arguments of `hypergraph.experiment.api.train`.

    `networks` are its `layers`, parsed; without any, the task's own network is generated.

    Raises:
        UsageError: naming the wrong value.
    """

    task: str
    members: int | None = None
    steps: int | None = None
    networks: tuple[MLPSpec, ...] = ()
    preset: str = "quick"
    wiring: float | None = None
    options: Mapping[str, Any] = {}
    seed: int = 0
    device: str = "auto"


def load_engine(name: str, address: str | None = None) -> Engine:
    """The engine plugin `name`, whose machines are at `address`. Raises UsageError, PluginError."""
    plugin = ENGINES.find(as_record(name, str, "engine"))
    engine: Engine = ENGINES.make(plugin)
    if address is None:
        return engine
    if not hasattr(engine.options, "address"):
        raise UsageError(f"engine {name} has no address: leave it out, or choose another engine")
    return cast(Engine, ENGINES.make(plugin, {"address": address}))


def plan(request: Request, engine: Engine) -> RunConfig:
    """The configuration of a new run, with chunks for the workers of `engine`.

    Raises:
        UsageError: naming the wrong value.
        PluginError: the task cannot be loaded.
    """
    task = TASKS.load(request.task, request.options)
    specs = tuple(dict.fromkeys(request.networks or [task.default_spec]))
    for spec in specs:
        task.check_spec(spec)
    members, recipe = _training_of(request)
    device, options = resolve_device(request.device), complete_options(task.Options, request.options)
    config = RunConfig(request.task, specs, members, request.seed, device, recipe, options)
    _check_large(config)
    config = plan_chunks(config, engine.resources(device))
    return replace(config, versions=current_versions(config.task, device))


def _training_of(request: Request) -> tuple[int, Recipe]:
    """The number of members and their recipe: the preset's, with the values that the request sets."""
    if request.preset not in PRESETS:
        raise UsageError(f"unknown preset {request.preset!r}: there are {' and '.join(PRESETS)}")
    preset = PRESETS[request.preset]
    values = {"steps": request.steps, "wiring": request.wiring}
    recipe = replace(preset.recipe, **{name: value for name, value in values.items() if value is not None})
    return preset.members if request.members is None else request.members, recipe


def plan_shipped(task: str, seed: int) -> RunConfig:
    """The configuration of a run that analyses the shipped generators of a task. Raises UsageError, PluginError."""
    spec = TASKS.load(task).default_spec
    members = shipped_ensemble(task, spec).members
    return RunConfig(task, (spec,), members, seed, "cpu", None, versions=current_versions(task, "cpu"))


def plan_repeat(source: Path, engine: Engine, device: str | None = None) -> tuple[RunConfig, list[str]]:
    """The configuration that repeats a run, and the versions and hardware that differ from those recorded.

    Args:
        source: the run's folder or its result.json.
        engine: trains its chunks.
        device: the run's own if None.

    Raises:
        UsageError: the device does not exist here, its memory is too small, or the task refuses the options.
        FileError: there is no run, or no file that an option names.
        PluginError: the task cannot be loaded.
    """
    recorded = read_config(source / "config.json" if source.is_dir() else source)
    config = replace(recorded, device=resolve_device(device or recorded.device))
    return replace(config, versions=current_versions(config.task, config.device)), changes_here(config, engine)


def changes_here(config: RunConfig, engine: Engine) -> list[str]:
    """The versions and hardware here that differ from those recorded, on which the numbers of a run depend.

    Raises UsageError where its largest chunk does not fit into the memory of `engine`, or the task refuses its
    options; PluginError.
    """
    TASKS.load(config.task, config.options)  # now, because a file that an option names may have changed
    _check_large(config)
    device = resolve_device(config.device)
    check_memory(config.largest, max(map(len, config.member_ranges)), RECOMPUTED, engine.resources(device).memory)
    return changed_versions(config.versions, current_versions(config.task, device))


def _check_large(config: RunConfig) -> None:
    """Raise UsageError where what writes the table of a large run is not installed."""
    if config.is_large:
        check_parquet()


def start(config: RunConfig, folder: Path | None = None) -> RunDirectory:
    """Create the run's folder; runs/TASK/TIME if None. Raises FileError, UsageError."""
    return RunDirectory.create(folder or new_folder(RUNS / config.task.rpartition("/")[2]), config)


def resolve_device(text: str) -> str:
    """The name that torch has for a device. Raises UsageError where there is no such device."""
    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not DEVICE.fullmatch(text):
        raise UsageError(f"device {text!r} is none of auto, cpu, cuda, cuda:N")
    if text != "cpu" and int(text[5:] or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {text!r} is not here: torch sees {torch.cuda.device_count()} GPUs; use cpu")
    return text
