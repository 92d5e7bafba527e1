"""The output of the commands: results to stdout, everything else to stderr, even what plugins print."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec

from rich.console import Console

from hypergraph.errors import HypergraphError, PluginError, printable
from hypergraph.extensions.attribution import attribute_error

out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)

P = ParamSpec("P")


@contextlib.contextmanager
def results_apart() -> Iterator[None]:
    """Let only sys.stdout lead to standard output.

    Descriptor 1, to which C code and child processes write, leads to stderr until the process ends, because C code may
    flush only then. Raises OSError where standard output is closed or does not take what is printed.
    """
    results = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: SIM115
    with results, contextlib.redirect_stdout(results):
        os.dup2(2, 1)
        yield


def contained(command: Callable[P, None]) -> Callable[P, None]:
    """Protect a command from its plugins.

    Only `out` and :func:`print_json` write to standard output; all else that is printed goes to stderr. Errors are
    those of :func:`plugin_errors`.
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


def print_json(value: object) -> None:
    """Print a result as JSON on stdout."""
    print(json.dumps(value, indent=2), file=out.file)
