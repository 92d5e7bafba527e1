"""What was asked for, checked against the task and the machine, as the configuration of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from hypergraph.engines.base import Engine, plan_chunks
from hypergraph.errors import UsageError
from hypergraph.extensions.registry import TASKS
from hypergraph.runs.config import DEVICE, RunConfig
from hypergraph.runs.directory import RunDirectory, new_folder
from hypergraph.runs.pretrained import shipped_ensemble
from hypergraph.runs.provenance import current_versions
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import PRESETS, Recipe

RUNS = Path("runs")
"""Where runs go that are given no folder."""


@dataclass(frozen=True)
class Request:
    """What a user asks for; None leaves a choice to the preset.

    Attributes:
        task: the name of a task plugin.
        members: how many hypernetworks to train, each from its own seed.
        steps: optimiser steps.
        networks: the network to generate, or several that one generator is trained on; the task's own if empty.
        preset: the name of one of PRESETS.
        wiring: how far the encoder is wired to the weights at the start, from 0 to 1.
        options: of the task.
        seed: every random number follows from it.
        device: auto, cpu, cuda or cuda:N.
    """

    task: str
    members: int | None = None
    steps: int | None = None
    networks: Sequence[MLPSpec] = ()
    preset: str = "quick"
    wiring: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"


def plan(request: Request, engine: Engine) -> RunConfig:
    """The configuration of a new run, divided into chunks for the workers of `engine`.

    Raises:
        UsageError: naming what cannot be.
        PluginError: the task cannot be loaded.
    """
    task = TASKS.load(request.task, request.options)
    specs = tuple(dict.fromkeys(request.networks or [task.default_spec]))
    for spec in specs:
        task.check_spec(spec)
    members, recipe = _chosen(request)
    device, options = resolve_device(request.device), dict(request.options)
    config = RunConfig(request.task, specs, members, request.seed, device, recipe, options)
    config = plan_chunks(config, engine.resources(device))
    return replace(config, versions=current_versions(config.task, device))


def _chosen(request: Request) -> tuple[int, Recipe]:
    """How many members to train, and how."""
    if request.preset not in PRESETS:
        raise UsageError(f"unknown preset {request.preset!r}: there are {' and '.join(PRESETS)}")
    preset = PRESETS[request.preset]
    given = {"steps": request.steps, "wiring": request.wiring}
    recipe = replace(preset.recipe, **{name: value for name, value in given.items() if value is not None})
    return preset.members if request.members is None else request.members, recipe


def plan_shipped(task: str, seed: int) -> RunConfig:
    """The configuration of an analysis of the generators that a task ships. Raises UsageError, PluginError."""
    spec = TASKS.load(task).default_spec
    members = shipped_ensemble(task, spec).members
    return RunConfig(task, (spec,), members, seed, "cpu", None, versions=current_versions(task, "cpu"))


def start(config: RunConfig, folder: Path | None = None) -> RunDirectory:
    """The new folder of a run; runs/TASK/TIME where none is named. Raises FileError, UsageError."""
    return RunDirectory.create(folder or new_folder(RUNS / config.task.rpartition("/")[2]), config)


def resolve_device(text: str) -> str:
    """The device that `text` asks for, as torch names it. Raises UsageError where there is none."""
    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not DEVICE.fullmatch(text):
        raise UsageError(f"device {text!r} is none of auto, cpu, cuda, cuda:N")
    if text != "cpu" and int(text[5:] or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {text!r} is not here: torch sees {torch.cuda.device_count()} GPUs; use cpu")
    return text
