"""A new task as a project of its own, that installs, passes its tests and runs as it stands."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

from hypergraph.errors import UsageError
from hypergraph.files import make_folder, write_bytes

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
"""Each file of a project, and the template in `hypergraph/template` that it is made from; None is an empty file."""


def new_task(name: str, folder: Path) -> None:
    """Write a project for a task called `name` into a new or empty folder.

    Raises:
        UsageError: for a name that cannot be a module, or a folder that holds something.
        FileError: where a file cannot be written.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is no name for a task: use small letters, digits and _, such as sorted_sum")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and not empty: choose another --out")
    for path, template in PROJECT.items():
        file = folder / _filled(path, name)
        make_folder(file.parent)
        write_bytes(file, _filled(_read(template), name).encode())


def _read(template: str | None) -> str:
    return (files("hypergraph") / "template" / template).read_text(encoding="utf-8") if template else ""


def _filled(text: str, name: str) -> str:
    """NAME is the task's, CLASS the same as class names are written."""
    return text.replace("NAME", name).replace("CLASS", name.title().replace("_", ""))
