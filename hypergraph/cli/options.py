"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hypergraph.spec import MLPSpec

Layers = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="The network: sizes such as 16,48,1, or a .json or .toml file with a spec."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Every random number follows from it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


def parse_layers(text: str | None) -> MLPSpec | None:
    """The spec that was asked for, if one was. Raises SpecError."""
    from hypergraph.spec import MLPSpec

    return None if text is None else MLPSpec.parse(text)
