"""What the commands share: the two consoles, options, and names that are resolved late."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer
from rich.console import Console

from hypergraph.errors import HypergraphError, PluginError, printable
from hypergraph.extensions.attribution import attribute_error

if TYPE_CHECKING:
    from hypergraph.spec import MLPSpec

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
    """One line on stderr, whatever the message holds."""
    print("error:", printable(message), file=sys.stderr)


def print_json(value: object) -> None:
    """A result for programs, on stdout."""
    import json

    print(json.dumps(value, indent=2), file=out.file)


Layers = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="The network: sizes such as 16,48,1, or a .json or .toml file with a spec."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Every random number follows from it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


def parse_layers(text: str | None, default: MLPSpec) -> MLPSpec:
    """The spec that was asked for. Raises SpecError."""
    from hypergraph.spec import MLPSpec

    return default if text is None else MLPSpec.parse(text)


def parse_networks(texts: list[str] | None, default: MLPSpec) -> tuple[MLPSpec, ...]:
    """The specs that were asked for, each once. Raises SpecError."""
    from hypergraph.spec import MLPSpec

    specs = [spec for text in texts or [] for spec in MLPSpec.parse_all(text)] or [default]
    return tuple(dict.fromkeys(specs))


def parse_device(text: str) -> str:
    """The device that was asked for, as torch names it. Raises UsageError where there is none."""
    import torch

    from hypergraph.errors import UsageError
    from hypergraph.runs.config import DEVICE

    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not DEVICE.fullmatch(text):
        raise UsageError(f"device {text!r} is none of auto, cpu, cuda, cuda:N")
    if text != "cpu" and int(text[5:] or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {text!r} is not here: torch sees {torch.cuda.device_count()} GPUs; use --device cpu")
    return text
