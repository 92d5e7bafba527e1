"""The command line. Results go to stdout, everything else to stderr; commands import torch only when they run."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Annotated, Any

import typer

from hypergraph.cli import classify, discover, draw, explain, figures, generate, inspect, plugins, report, run
from hypergraph.cli.advice import advised
from hypergraph.cli.output import complain, contained, err, out, results_apart
from hypergraph.errors import FileError, HypergraphError
from hypergraph.experiment.streams import messages
from hypergraph.extensions import attribution

app = typer.Typer(
    name="hypergraph",
    help="Generate networks that can be understood, and say which algorithm each one runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "HYPERGRAPH"},  # --members of run is HYPERGRAPH_RUN_MEMBERS
)
COMMANDS = (
    run.run,
    generate.generate,
    classify.classify,
    discover.discover,
    explain.explain,
    draw.draw,
    figures.figures,
    report.report,
    inspect.inspect,
)
for command in COMMANDS:
    app.command()(contained(command))
app.add_typer(plugins.app, name="plugins")

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


def _ignore_settings_of_others() -> None:
    """Ignore what the environment holds for other programs, and what libraries say to programmers."""
    os.environ["MPLBACKEND"] = "agg"  # a notebook's works nowhere else, and no window is opened
    os.environ.pop("TERMINAL_WIDTH", None)  # typer fails where it is no number
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of the folder for its cache
    for console in (out, err):
        if console.width == 0:  # by COLUMNS=0, with which rich prints nothing
            console.width = 80


def _check_current_folder() -> None:
    """Raise FileError where the current folder was deleted, before a library ends the process for it."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise FileError("the current folder was deleted: change to another") from None


def main() -> None:
    """The entry point of the command `hypergraph`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: save, then end
    sys.stderr = messages()
    _ignore_settings_of_others()
    try:
        _check_current_folder()
        with results_apart():
            status = app(standalone_mode=False)
        sys.exit(status)
    except HypergraphError as error:
        complain(advised(error))
        sys.exit(error.exit_code)
    except _UsageError as error:
        if message := error.format_message():  # empty for a group without a command, which printed its help
            complain(message)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)  # 128 and the number of the signal
    except (OSError, ImportError) as error:  # a file, or a library that cannot be loaded
        complain(attribution.explain(error))
        sys.exit(1)
