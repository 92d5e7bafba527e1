"""Generators shipped with a task: TASK/NAME is NAME.safetensors in the folder `pretrained` of the task's package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hypergraph.errors import FileError, UsageError
from hypergraph.extensions.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.model.generator import Generator
    from hypergraph.spec import MLPSpec


def shipped(name: str) -> Path:
    """The file of a shipped generator.

    Raises:
        UnknownPluginError: no task has the name before the last slash.
        FileError: the task ships no generator of this name; the message lists those that it ships.
    """
    task, _, generator = name.rpartition("/")
    paths = {path.stem: path for path in _files(task)}
    if generator not in paths:
        names = ", ".join(f"{task}/{stem}" for stem in paths)
        raise FileError(f"{name} is neither a file nor a shipped generator; task {task} ships {names or 'none'}")
    return paths[generator]


def _files(task: str) -> list[Path]:
    package = find_spec(TASKS.find(task).value.partition(":")[0].partition(".")[0])
    folders = (package.submodule_search_locations if package else None) or []  # a plain module ships nothing
    return sorted(path for folder in folders for path in (Path(folder) / "pretrained").glob("*.safetensors"))


def shipped_ensemble(task: str, spec: MLPSpec) -> Generator:
    """Join the shipped generators of a network that have an encoder, in order of their names.

    Raises:
        UsageError: the task ships none for this network.
    """
    from hypergraph.model.generator import Generator

    loaded = [Generator.load(path)[0] for path in _files(task)]
    fitting = [generator for generator in loaded if generator.specs == (spec,) and generator.has_encoder]
    if not fitting:
        raise UsageError(f"task {task} ships no generators of {spec}: train some instead")
    return Generator.join(fitting)


def generator_file(source: Path) -> Path:
    """The generator's file of a run directory, a file or a shipped name, TASK/NAME.

    Raises:
        UsageError: the directory has no trained generator.
        FileError: the task ships no generator of this name.
    """
    if source.is_dir():
        path = source / "generator.safetensors"
        if not path.is_file():
            raise UsageError(f"{source} holds no trained generator: if it is a run, resume it to its end")
        return path
    name, tasks = source.as_posix(), TASKS.names()
    if not source.exists() and name in tasks:
        return shipped(f"{name}/")  # raises an error that lists what the task ships
    if not source.exists() and source.parent.as_posix() in tasks:
        return shipped(name)
    return source
