"""The command line. Results go to stdout, everything else to stderr; modules import torch only when they work."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer

from hypergraph.cli import classify, draw, figures, generate, inspect, plugins, run
from hypergraph.cli.output import complain, contained, results_apart
from hypergraph.errors import HypergraphError, NotFinishedError, RunExistsError

app = typer.Typer(
    name="hypergraph",
    help="Generate networks that can be understood, and say which algorithm each one runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "HYPERGRAPH"},  # --members of run is HYPERGRAPH_RUN_MEMBERS
)
app.command()(contained(run.run))
app.command()(contained(generate.generate))
app.command()(contained(classify.classify))
app.command()(contained(draw.draw))
app.command()(contained(figures.figures))
app.command()(contained(inspect.inspect))
app.add_typer(plugins.app, name="plugins")

INTERRUPTED = 130
_UsageError: Any = typer.BadParameter.__mro__[1]  # typer carries its own click, which it does not export


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("hypergraph-toolkit"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, envvar=None, help="Print the version.")
    ] = False,
) -> None:
    pass


def _advice(error: HypergraphError) -> str:
    """What to type instead, where that is known."""
    match error:
        case RunExistsError():
            return ": continue it with --resume, or choose another --out"
        case NotFinishedError():
            return f": go on with hypergraph run {error.task} --resume --out {error.path}"
        case _:
            return ""


def main() -> None:
    """The entry point of the command `hypergraph`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as a Ctrl-C: what works saves, and then ends
    try:
        with results_apart():
            status = app(standalone_mode=False)
        sys.exit(status)
    except HypergraphError as error:
        complain(f"{error}{_advice(error)}")
        sys.exit(error.exit_code)
    except _UsageError as error:
        if message := error.format_message():  # empty where a group without a command printed its help
            complain(message)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except OSError as error:  # a path that cannot be looked at; or standard output is full, closed or gone
        complain(f"cannot use {error.filename or 'standard output'}: {error.strerror or error}")
        os._exit(1)  # a usual exit would flush it once more
