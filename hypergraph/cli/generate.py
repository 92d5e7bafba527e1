"""hypergraph generate: a network from a trained generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.console import Layers, Seed, err, parse_layers
from hypergraph.runs.pretrained import generator_file


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
    from hypergraph.analysis.measure import check_beta
    from hypergraph.analysis.measure import generate as make
    from hypergraph.errors import HypergraphError, UsageError
    from hypergraph.model.generator import Generator
    from hypergraph.spec import MLPSpec
    from hypergraph.storage.atomic import make_folder
    from hypergraph.training.memory import GENERATION, check_memory

    check_beta(beta)
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out} must end in .safetensors")
    generator, metadata = Generator.load(generator_file(source))
    if member >= generator.members:
        raise UsageError(f"{source} has members 0 to {generator.members - 1}, not {member}")
    spec = parse_layers(layers, MLPSpec.middle(generator.specs))
    check_memory(spec, 1, GENERATION)
    one = generator.member(member)
    encoder = one.has_encoder and not decoder_only
    sample = make(one, beta, seed=seed, members=[member], spec=spec, encoder=encoder)
    if not all(bool(tensor.isfinite().all()) for tensor in sample.networks[0].state_dict().values()):
        raise HypergraphError(f"what {source} generates at beta {beta} is not finite: it diverged in training")
    text = {"beta": beta, "seed": seed, "member": member, "encoder": int(encoder), "kl": float(sample.kl[0])}
    task = {"task": metadata["task"]} if "task" in metadata else {}
    make_folder(out.parent)
    sample.networks[0].save(out, {**task, **{name: str(value) for name, value in text.items()}})
    err.print(f"wrote {out}: {spec}, {float(sample.kl[0]):.1f} nats", soft_wrap=True)
