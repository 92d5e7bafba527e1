"""Generators that a task ships, by name: TASK/NAME is NAME.safetensors in the folder `pretrained` of its package."""

from importlib.resources import files
from pathlib import Path

from hypergraph.errors import FileError, UsageError
from hypergraph.registry import TASKS


def shipped(name: str) -> Path:
    """The file of a shipped generator.

    Raises:
        UnknownPluginError: no task has the name before the last slash.
        FileError: the task ships no generator of this name; those that it ships are told.
    """
    task, _, generator = name.rpartition("/")
    package = TASKS.find(task).value.partition(":")[0].partition(".")[0]
    folder = Path(str(files(package))) / "pretrained"
    path = folder / f"{generator}.safetensors"
    if not path.is_file():
        names = ", ".join(f"{task}/{path.stem}" for path in sorted(folder.glob("*.safetensors")))
        raise FileError(f"{name} is neither a file nor a shipped generator; task {task} ships {names or 'none'}")
    return path


def generator_file(source: Path) -> Path:
    """The generator that a run directory, a file or a shipped name stands for.

    Raises:
        UsageError: the run in that directory is not trained to the end.
    """
    if source.is_dir():
        path = source / "generator.safetensors"
        if not path.is_file():
            raise UsageError(f"{source} holds no trained generator: if it is a run, finish it with --resume")
        return path
    name, tasks = source.as_posix(), TASKS.names()
    if not source.exists() and name in tasks:
        return shipped(f"{name}/")  # tells what the task ships
    if not source.exists() and source.parent.as_posix() in tasks:
        return shipped(name)
    return source
