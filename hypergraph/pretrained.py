"""Generators that a task ships, by name: TASK/NAME is NAME.safetensors in the folder `pretrained` of its package."""

from importlib.resources import files
from pathlib import Path

from hypergraph.errors import FileError
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
