"""Read text from untrusted files: regular files of bounded size, JSON or TOML of bounded depth.

This module imports no torch.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError, file_errors

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_JSON_BYTES = 2**23
"""Longest JSON text; its Python objects take up to 25 times as much memory."""
MAX_TOML_BYTES = 2**20
"""Longest TOML text; its parser is slow."""
MAX_DEPTH = 20
"""Deepest nesting of lists and tables."""


def check_regular(path: Path) -> os.stat_result:
    """Return the status of a regular file. Raises FileError for anything else, such as a pipe that never ends."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        reason = "no such file" if missing else getattr(error, "strerror", None) or error
        raise FileError(f"cannot read {path}: {reason}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise FileError(f"cannot read {path}: it is {kind}")
    return status


def read_text(path: Path, max_bytes: int = MAX_JSON_BYTES) -> str:
    """Read a regular file in UTF-8. Raises FileError, also where it has more than `max_bytes` bytes."""
    check_regular(path)
    with file_errors("read", path), path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise FileError(f"cannot read {path}: it has more than {max_bytes:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is no text in UTF-8: {error}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises FileError."""
    text = read_text(path)
    try:
        return parse_json(text)
    except ValueError as error:
        raise FileError(f"{path} is not JSON: {error}") from None


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, also for NaN, infinity and nesting beyond MAX_DEPTH."""
    return _parse(lambda: json.loads(text, parse_constant=_refuse))


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. Raises ValueError, also for nesting beyond MAX_DEPTH."""
    if any(line.count(".") > MAX_DEPTH for line in text.split("\n")):  # parsing dotted keys takes quadratic time
        raise ValueError(f"a line with more than {MAX_DEPTH} dots")
    table: dict[str, Any] = _parse(lambda: tomllib.loads(text))
    return table


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _parse(load: Callable[[], Any]) -> Any:
    """What `load` returns. Raises ValueError where it is nested too deeply."""
    try:
        value = load()
    except RecursionError as error:
        raise ValueError(str(error)) from None
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, (dict, list))]
        level = [item for part in parts for item in part]
    if level:
        raise ValueError(f"more than {MAX_DEPTH} lists or tables within each other")
    return value


def check_links(folder: Path) -> None:
    """Raise FileError where a link inside a folder, at any depth, leads out of it."""
    root = os.path.realpath(folder)
    for place, folders, files in os.walk(root):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if os.path.islink(path) and not is_within(path, root):
                raise FileError(f"{path} is a link that leads out of {folder}")


def is_within(path: str | os.PathLike[str], root: str) -> bool:
    """Whether `path`, with its links resolved, is inside the folder `root`, whose links are resolved."""
    return os.path.commonpath([root, os.path.realpath(path)]) == root
