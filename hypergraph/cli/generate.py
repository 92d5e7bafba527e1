"""hypergraph generate: a network from a trained generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.output import notify
from hypergraph.errors import UsageError


def generate(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A run directory, a generator file, or a shipped one: TASK/NAME.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.safetensors", help="Where to write the network.")],
    beta: Annotated[float, typer.Option(help="Price per nat of information, from 1e-12 (free) to 1 (dear).")],
    layers: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="The network: sizes such as 16,48,1, or a .json or .toml file with a spec."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Of the sample; the run's own, or 0, if not given.")
    ] = None,
    member: Annotated[int, typer.Option(min=0, help="Which of the generator's members.")] = 0,
    step: Annotated[
        int | None, typer.Option(min=0, help="Of a run: from the checkpoint after this training step, not the end.")
    ] = None,
    decoder_only: Annotated[
        bool, typer.Option("--decoder-only", help="Ignore the encoder: no memorised information; any --layers.")
    ] = False,
) -> None:
    """Generate one network from SOURCE and write its weights as safetensors."""
    from hypergraph.experiment.generation import generate_with_metadata
    from hypergraph.storage.atomic import make_folder

    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out} must end in .safetensors")
    network, metadata = generate_with_metadata(source, beta, layers, seed, member, not decoder_only, step)
    make_folder(out.parent)
    network.save(out, metadata)
    notify(f"wrote {out}: {network.spec}, {float(metadata['kl']):.1f} nats")
