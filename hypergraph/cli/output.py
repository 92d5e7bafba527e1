"""The output of the commands: results to stdout, everything else to stderr, even what plugins print."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hypergraph.errors import HypergraphError, PluginError, file_errors, printable
from hypergraph.extensions.attribution import attribute_error

out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)

WIDEST = 10_000
"""Letters of the longest row of a table that is not printed on a terminal."""

P = ParamSpec("P")


class _Results(io.FileIO):
    """Standard output. Its errors are FileErrors that name it, so that no other error passes for one of it."""

    def write(self, data: Any) -> int:
        with file_errors("use", "standard output"):
            return super().write(data)


@contextlib.contextmanager
def results_apart() -> Iterator[None]:
    """Let only sys.stdout lead to standard output.

    Descriptor 1, to which C code and child processes write, leads to stderr until the process ends, because C code may
    flush only then. Raises FileError where standard output is closed or does not take what is printed.
    """
    with file_errors("use", "standard output"):
        handle = os.dup(1)
    buffer, terminal = io.BufferedWriter(_Results(handle, "w")), os.isatty(handle)
    results = io.TextIOWrapper(buffer, sys.stdout.encoding, errors="backslashreplace", line_buffering=terminal)
    with results, contextlib.redirect_stdout(results):
        os.dup2(2, 1)
        yield


def contained(command: Callable[P, None]) -> Callable[P, None]:
    """Protect a command from its plugins.

    Only `out` and `print_json` write to standard output; all else that is printed goes to stderr. Errors are
    those of `plugin_errors`.
    """

    @functools.wraps(command)
    def work(*args: P.args, **kwargs: P.kwargs) -> None:
        out.file = sys.stdout
        with contextlib.redirect_stdout(sys.stderr), plugin_errors():
            command(*args, **kwargs)

    return work


@contextlib.contextmanager
def plugin_errors() -> Iterator[None]:
    """Turn an error or a sys.exit of a plugin into a PluginError that names it; other errors stay as they are."""
    try:
        yield
    except (HypergraphError, KeyboardInterrupt):
        raise
    except BaseException as error:
        plugin_error = attribute_error(error)
        if isinstance(error, SystemExit):  # no command calls sys.exit, so this is no success
            plugin_error = plugin_error or PluginError("an unknown plugin called sys.exit")
        if plugin_error is None:
            raise
        raise plugin_error from error


def complain(message: str) -> None:
    """Print an error as one line on stderr."""
    print("error:", printable(message), file=sys.stderr)


def notify(message: str) -> None:
    """Print a notice as one line on stderr."""
    err.print(message, soft_wrap=True)


def show(part: Table | Text) -> None:
    """Print a part of a result on stdout.

    A line of text is not wrapped. A row of a table is one line too, so that a program can read it. A terminal gets a
    table of its width, or a line for each cell if the longest words do not fit side by side.
    """
    if isinstance(part, Text):
        out.print(part, soft_wrap=True)
    elif not out.file.isatty():
        Console(file=out.file, width=WIDEST, highlight=False, markup=False).print(part)
    elif out.measure(part, options=out.options.update(width=WIDEST)).minimum <= out.width:
        out.print(part)
    else:
        for row in zip(*(column.cells for column in part.columns), strict=True):
            for column, cell in zip(part.columns, row, strict=True):
                out.print(f"{column.header}:", cell, soft_wrap=True)
            out.print()


def print_json(value: object) -> None:
    """Print a result as JSON on stdout."""
    print(json.dumps(value, indent=2), file=out.file)
