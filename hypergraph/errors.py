"""Errors that a user can cause and fix. Each message is one line: what is wrong, where, and what would be right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

MAX_LETTERS = 2_000
"""Longest message; longer ones are cut off."""


def printable(text: str) -> str:
    """`text` as one line without control characters, so that it cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


class HypergraphError(Exception):
    """Base of all errors that the command line prints without a traceback. Exit status 1.

    Messages quote names from untrusted files, so every message is made one printable line.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        line = printable(message)
        super().__init__(line if len(line) <= MAX_LETTERS else line[:MAX_LETTERS] + "…")


class UsageError(HypergraphError, ValueError):
    """An argument that cannot work. Exit status 2."""

    exit_code = 2


class SpecError(UsageError):
    """A network that cannot be described or built."""


class EncoderError(UsageError):
    """A network that the encoder was not trained for; the decoder alone can generate it."""


class FileError(HypergraphError):
    """A file or folder that is missing, unreadable, unwritable or has the wrong content."""


class RunExistsError(UsageError):
    """The folder of a new run already holds a run."""


class NotFinishedError(FileError):
    """A run whose training or analysis has not finished."""

    def __init__(self, path: Path, task: str) -> None:
        super().__init__(f"{path} is not finished")
        self.path, self.task = path, task


class NoActivationError(FileError):
    """A file of plain weights that does not say its activation."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} does not say its activation: name it")


class MissingDataError(HypergraphError):
    """A figure or an analysis needs data that the run does not have."""


class BusyError(FileError):
    """Another process is working on this folder."""


class PluginError(HypergraphError):
    """A plugin that is unknown, broken, incompatible or ambiguous."""


@contextlib.contextmanager
def file_errors(action: str, path: Path | str) -> Iterator[None]:
    """Turn an OSError into a FileError that says "cannot `action` `path`" and why."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot {action} {path}: {error.strerror or error}") from None
