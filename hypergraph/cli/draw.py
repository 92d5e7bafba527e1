"""hypergraph draw: a picture of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.options import Activation, Seed, load
from hypergraph.cli.output import notify


def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A network, as safetensors.")],
    out: Annotated[Path, typer.Option(metavar="NET.svg|png|pdf", help="Where to draw it.")],
    layout: Annotated[str | None, typer.Option(help="force or layered; a plugin may have others.")] = None,
    activation: Activation = None,
    seed: Seed = 0,
) -> None:
    """Draw a network: inputs green, output magenta, positive weights red, negative blue."""
    from hypergraph.experiment import networks

    networks.draw(load(file, activation)[0], out, layout=layout, seed=seed)
    notify(f"drew {out}")
