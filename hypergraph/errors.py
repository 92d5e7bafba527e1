"""The errors a user can cause and mend. Each message is one line: what was wrong, where, what would be right."""

from __future__ import annotations

from pathlib import Path

MAX_LETTERS = 2_000
"""Of a message; what comes after them is cut off."""


def printable(text: str) -> str:
    """One line that cannot steer a terminal, whatever `text` holds."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


class HypergraphError(Exception):
    """The base of all errors that the command line prints without a traceback. Exit status 1.

    Messages quote names from files that strangers wrote, so each is made one printable line here.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        line = printable(message)
        super().__init__(line if len(line) <= MAX_LETTERS else line[:MAX_LETTERS] + "…")


class UsageError(HypergraphError, ValueError):
    """An argument that can never work. Exit status 2."""

    exit_code = 2


class SpecError(UsageError):
    """A network that cannot be described or built."""


class FileError(HypergraphError):
    """A file or folder that is missing, unreadable, unwritable or holds something else than it should."""


class RunExistsError(UsageError):
    """A folder for a new run that holds one already."""


class NotFinishedError(FileError):
    """A run that is not trained and analysed to the end."""

    def __init__(self, path: Path, task: str) -> None:
        super().__init__(f"{path} is not finished")
        self.path, self.task = path, task


class MissingDataError(HypergraphError):
    """A figure or an analysis that a run's data do not allow."""


class BusyError(FileError):
    """A folder that another process works on."""


class PluginError(HypergraphError):
    """A plugin that is unknown, broken, incompatible or ambiguous."""
