"""The command line. Results go to stdout, everything else to stderr; commands import torch only when they run."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer

from hypergraph.cli import classify, draw, figures, generate, inspect, plugins, run
from hypergraph.cli.output import complain, contained, results_apart
from hypergraph.errors import EncoderError, HypergraphError, NotFinishedError, RunExistsError

app = typer.Typer(
    name="hypergraph",
    help="Generate networks that can be understood, and say which algorithm each one runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "HYPERGRAPH"},  # --members of run is HYPERGRAPH_RUN_MEMBERS
)
for command in (run.run, generate.generate, classify.classify, draw.draw, figures.figures, inspect.inspect):
    app.command()(contained(command))
app.add_typer(plugins.app, name="plugins")

INTERRUPTED = 130
_UsageError: Any = typer.BadParameter.__mro__[1]  # typer carries its own click, which it does not export


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(version("hypergraph-toolkit"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, envvar=None, help="Print the version.")
    ] = False,
) -> None:
    pass


def _advice(error: HypergraphError) -> str:
    """The options that avoid an error, for the errors that have some."""
    if isinstance(error, EncoderError):
        return " (--decoder-only)"
    if isinstance(error, RunExistsError):
        return ": continue it with --resume, or choose another --out"
    if isinstance(error, NotFinishedError):
        return f": go on with hypergraph run {error.task} --resume --out {error.path}"
    return ""


def main() -> None:
    """The entry point of the command `hypergraph`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: save, then end
    try:
        with results_apart():
            status = app(standalone_mode=False)
        sys.exit(status)
    except HypergraphError as error:
        complain(f"{error}{_advice(error)}")
        sys.exit(error.exit_code)
    except _UsageError as error:
        if message := error.format_message():  # empty for a group without a command, which printed its help
            complain(message)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except OSError as error:  # an unreadable path; or standard output is full or closed
        complain(f"cannot use {error.filename or 'standard output'}: {error.strerror or error}")
        os._exit(1)  # a normal exit would flush it again
