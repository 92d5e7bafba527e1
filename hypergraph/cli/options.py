"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hypergraph.weights import MLPWeights

Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Every random number follows from it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Activation = Annotated[
    str | None,
    typer.Option(help="The activation, if a file does not name it: relu, or relu,square for two hidden layers."),
]


def load(file: Path, activation: str | None) -> tuple[MLPWeights, dict[str, str]]:
    """A network and the metadata of its file. Raises FileError."""
    from hypergraph.foreign import load_any_network

    return load_any_network(file, activation)
