"""Reading text that strangers wrote: from regular files of bounded size, as JSON or TOML of bounded depth.

Like the specs that it reads, this imports no torch.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

from hypergraph.errors import FileError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_JSON_BYTES = 2**23
"""Bytes of a JSON text; Python objects take up to 25 times as many."""
MAX_TOML_BYTES = 2**20
"""Bytes of a TOML text; its parser is slow."""
MAX_DEPTH = 20
"""Lists and tables within each other."""


def check_regular(path: Path) -> os.stat_result:
    """Raise FileError where `path` is no regular file: a folder, or a pipe that would never end."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        reason = "no such file" if missing else getattr(error, "strerror", None) or error
        raise FileError(f"cannot read {path}: {reason}") from None
    if not stat.S_ISREG(found.st_mode):
        what = "it is a folder" if stat.S_ISDIR(found.st_mode) else "it is no regular file"
        raise FileError(f"cannot read {path}: {what}")
    return found


def read_text(path: Path, most: int = MAX_JSON_BYTES) -> str:
    """The text of a regular file of at most `most` bytes. Raises FileError."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise FileError(f"cannot read {path}: it has more than {most:,} bytes")
        return data.decode()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is no text in UTF-8: {error}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises FileError; where it is too large or nested too deeply too."""
    text = read_text(path)
    try:
        return parse_json(text)
    except ValueError as error:
        raise FileError(f"{path} is not JSON: {error}") from None


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, where it is nested too deeply or has NaN or infinity too."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    _check_depth(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. Raises ValueError, where it is nested too deeply too."""
    if any(line.count(".") > MAX_DEPTH for line in text.split("\n")):  # of dotted keys, time grows with the square
        raise ValueError(f"a line with more than {MAX_DEPTH} dots")
    try:
        value = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    _check_depth(value)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, (dict, list))]
        level = [item for part in parts for item in part]
    if level:
        raise ValueError(f"more than {MAX_DEPTH} lists or tables within each other")


def check_links(folder: Path) -> None:
    """Raise FileError where a link in a folder, at any depth, leads out of it: nothing is read or written there."""
    root = os.path.realpath(folder)
    for place, folders, files in os.walk(root):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if os.path.islink(path) and not is_within(path, root):
                raise FileError(f"{path} is a link that leads out of {folder}")


def is_within(path: str | os.PathLike[str], root: str) -> bool:
    """Whether `path`, its links followed, is in the folder `root`, which has none."""
    return os.path.commonpath([root, os.path.realpath(path)]) == root
