"""What the commands share: the two consoles, options, and names that are resolved late."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hypergraph.errors import printable

if TYPE_CHECKING:
    from hypergraph.spec import MLPSpec

out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    print("error:", printable(message), file=sys.stderr)


def print_json(value: object) -> None:
    """A result for programs, on stdout."""
    import json

    print(json.dumps(value, indent=2))


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


def check_beta(beta: float) -> float:
    """A price that can be generated at. Raises UsageError."""
    from hypergraph.errors import UsageError

    if not 1e-12 <= beta <= 1:
        raise UsageError(f"beta {beta} is no price: generators are trained from 1e-12 (free) to 1 (dear)")
    return beta
