"""hypergraph generate: a network from a trained generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.options import Layers, Seed, parse_layers
from hypergraph.cli.output import notify


def generate(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A run directory, a generator file, or a shipped one: TASK/NAME.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.safetensors", help="Where to write the network.")],
    beta: Annotated[float, typer.Option(help="Price per nat of information, from 1e-12 (free) to 1 (dear).")],
    layers: Layers = None,
    seed: Seed = 0,
    member: Annotated[int, typer.Option(min=0, help="Which of the generator's members.")] = 0,
    decoder_only: Annotated[
        bool, typer.Option("--decoder-only", help="Ignore the encoder: no memorised information; any --layers.")
    ] = False,
) -> None:
    """Generate one network from SOURCE and write its weights as safetensors."""
    from hypergraph.errors import UsageError
    from hypergraph.experiment.networks import generate_network
    from hypergraph.storage.atomic import make_folder

    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out} must end in .safetensors")
    spec = parse_layers(layers)
    made = generate_network(source, beta, spec, seed, member, encoder=not decoder_only)
    make_folder(out.parent)
    made.network.save(out, made.metadata)
    notify(f"wrote {out}: {made.network.spec}, {made.kl:.1f} nats")
