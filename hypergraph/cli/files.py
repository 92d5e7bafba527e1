"""The files that a command works on, one after another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import typer

from hypergraph.cli.output import complain, plugin_errors
from hypergraph.errors import HypergraphError, printable


@contextlib.contextmanager
def one_by_one() -> Iterator[Callable[[Path], AbstractContextManager[None]]]:
    """Give a context for the work on each file. An error in it is told, and the command goes on to the next file.

    Raises typer.Exit with the worst status at the end, if there was an error.
    """
    worst = 0

    @contextlib.contextmanager
    def attempt(file: Path) -> Iterator[None]:
        nonlocal worst
        try:
            with plugin_errors():
                yield
        except HypergraphError as error:
            complain(str(error) if printable(str(file)) in str(error) else f"{file}: {error}")
            worst = max(worst, error.exit_code)

    yield attempt
    if worst:
        raise typer.Exit(worst)
