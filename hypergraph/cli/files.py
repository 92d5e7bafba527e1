"""The files that a command works on, one after another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import typer

from hypergraph.cli.advice import advised
from hypergraph.cli.output import complain, plugin_errors
from hypergraph.errors import HypergraphError, UsageError, printable
from hypergraph.extensions.registry import TASKS


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
            message = advised(error)
            complain(message if printable(str(file)) in message else f"{file}: {message}")
            worst = max(worst, error.exit_code)

    yield attempt
    if worst:
        raise typer.Exit(worst)


def task_described(task: str | None, options: list[str]) -> dict[str, str]:
    """The metadata of networks of a task with these options."""
    from hypergraph.extensions.options import read_options, task_metadata

    if options and task is None:
        raise UsageError("--set is an option of a task: name it with --task")
    return {} if task is None else task_metadata(task, read_options(TASKS.load_class(task).Options, options))
