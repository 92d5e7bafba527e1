"""A project for a new task, which installs, passes its tests and runs as it is."""

from __future__ import annotations

import builtins
import keyword
import re
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from hypergraph.errors import UsageError, file_errors
from hypergraph.storage.atomic import make_folder, write_bytes

PROJECT = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "hypergraph_NAME/__init__.py": None,
    "hypergraph_NAME/py.typed": None,
    "hypergraph_NAME/task.py": "task.py.in",
    "hypergraph_NAME/closed_forms.py": "closed_forms.py.in",
    "hypergraph_NAME/classifier.py": "classifier.py.in",
    "tests/test_NAME.py": "test.py.in",
}
"""Each file of a project and its template in the folder `template`; None stands for an empty file."""

TAKEN = {"MLPSpec", "Options", "SPEC", "SpecError", "Task", "Tensor", *keyword.kwlist, *dir(builtins)}
"""Names that the class of a task cannot have, because the templates or Python use them."""


def new_task(name: str, folder: Path) -> None:
    """Write a project for a task called `name` into a new or empty folder, completely or not at all.

    Raises:
        UsageError: the name does not fit a project, a module and a class, or the folder is not empty.
        FileError: a file cannot be written.
    """
    _check_name(name)
    with file_errors("write", folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is there and not empty: choose another folder")
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
    texts = {folder / _fill(path, name): _fill(_read(template), name) for path, template in PROJECT.items()}
    try:
        for path, text in texts.items():
            make_folder(path.parent)
            write_bytes(path, text.encode())
    except BaseException:
        folders = {path.parent: None for path in texts if path.parent != folder}
        for remove in (*(path.unlink for path in texts), *(path.rmdir for path in (*folders, *missing))):
            with suppress(OSError):  # it was not made
                remove()
        raise


def _check_name(name: str) -> None:
    if not re.fullmatch("[a-z]([a-z0-9_]*[a-z0-9])?", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is no name for a task: use small letters, digits and _, such as sorted_sum")
    if name == "toolkit":
        raise UsageError("'toolkit' is no name for a task: hypergraph-toolkit is hypergraph itself; try my_toolkit")
    if _fill("CLASS", name) in TAKEN:
        raise UsageError(f"{name!r} is no name for a task: its code means something else by it; try my_{name}")


def _read(template: str | None) -> str:
    return (files("hypergraph.extensions") / "template" / template).read_text(encoding="utf-8") if template else ""


def _fill(text: str, name: str) -> str:
    """Replace NAME by the name of the task and CLASS by that of its class."""
    return text.replace("NAME", name).replace("CLASS", name.title().replace("_", ""))
