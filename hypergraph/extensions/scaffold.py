"""A new task as a project of its own, that installs, passes its tests and runs as it stands."""

from __future__ import annotations

import builtins
import keyword
import re
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from hypergraph.errors import FileError, UsageError
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
"""Each file of a project, and the template in `template` that it is made from; None is an empty file."""


TAKEN = {"MLPSpec", "Options", "SPEC", "SpecError", "Task", "Tensor", *keyword.kwlist, *dir(builtins)}
"""What the class of a task cannot be called, for its module, its test, or Python, means something else by it."""


def new_task(name: str, folder: Path) -> None:
    """Write a project for a task called `name` into a new or empty folder, or else nothing.

    Raises:
        UsageError: for a name that cannot be one of a project, a module and a class, or a folder that holds something.
        FileError: where a file cannot be written.
    """
    _check_name(name)
    missing = _missing(folder)
    texts = {folder / _filled(path, name): _filled(_read(template), name) for path, template in PROJECT.items()}
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
    if _filled("CLASS", name) in TAKEN:
        raise UsageError(f"{name!r} is no name for a task: its code means something else by it; try my_{name}")


def _missing(folder: Path) -> list[Path]:
    """The folders that must be made, innermost first. Raises UsageError where `folder` holds something."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is there and not empty: choose another --out")
        return [path for path in (folder, *folder.parents) if not path.exists()]
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror or error}") from None


def _read(template: str | None) -> str:
    return (files("hypergraph.extensions") / "template" / template).read_text(encoding="utf-8") if template else ""


def _filled(text: str, name: str) -> str:
    """NAME is the task's, CLASS the same as class names are written."""
    return text.replace("NAME", name).replace("CLASS", name.title().replace("_", ""))
