"""Where the commands write: results to stdout, everything else to stderr, whatever plugins do."""

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
    """Let sys.stdout, and nothing else, lead to standard output.

    Descriptor 1, to which C code and child processes write, leads to stderr: for good, since what C code wrote may
    come when the process ends. Raises OSError where standard output is closed, or what is printed does not get there.
    """
    results = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: SIM115
    with results, contextlib.redirect_stdout(results):
        os.dup2(2, 1)
        yield


def contained(command: Callable[P, None]) -> Callable[P, None]:
    """A command that plugins cannot spoil.

    Only `out` and :func:`print_json` write to standard output; whatever else is printed goes to stderr. What a plugin
    raises, and its sys.exit, is a PluginError that names it; an error that no plugin took part in stays as it is.
    """

    @functools.wraps(command)
    def work(*args: P.args, **kwargs: P.kwargs) -> None:
        out.file = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            try:
                command(*args, **kwargs)
            except (HypergraphError, KeyboardInterrupt):
                raise
            except BaseException as error:
                told = attribute_error(error)
                if isinstance(error, SystemExit):  # no command ends so: never let it pass for success
                    told = told or PluginError("a plugin, it cannot be told which, called sys.exit")
                if told is None:
                    raise
                raise told from error

    return work


def complain(message: str) -> None:
    """Print one line on stderr, whatever the message holds."""
    print("error:", printable(message), file=sys.stderr)


def notify(message: str) -> None:
    """Print one line on stderr that is no error."""
    err.print(message, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a result for programs on stdout."""
    print(json.dumps(value, indent=2), file=out.file)
