"""hypergraph inspect: describe a file or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hypergraph.cli.options import Activation, Json, load
from hypergraph.cli.output import notify, out, print_json
from hypergraph.errors import printable
from hypergraph.runs.pretrained import generator_file


def inspect(
    source: Annotated[Path, typer.Argument(metavar="FILE|RUN", help="A network, a generator, or a run directory.")],
    activation: Activation = None,
    json: Json = False,
) -> None:
    """Say what a network, a generator or a run is."""
    from hypergraph.graph.structure import NOT_INSTALLED, dgl_version

    facts = _run(source) if source.is_dir() else _file(generator_file(source), activation)
    if dgl_version() == NOT_INSTALLED:
        notify("DGL is not installed; plain torch takes its place and gives the same graphs.")
    if json:
        print_json(facts)
        return
    for name, value in facts.items():
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        out.print(f"{printable(name):>12}  {printable(text)}", soft_wrap=True)


def _run(path: Path) -> dict[str, Any]:
    from hypergraph.runs.directory import RunDirectory

    run = RunDirectory.open(path)
    config = run.config
    return {
        "run": str(path),
        "task": config.task,
        "network": config.networks,
        "members": config.members,
        "steps": config.recipe.steps if config.recipe else 0,
        "seed": config.seed,
        "trained": run.is_trained,
        "analysed": run.result.exists(),
    }


def _file(path: Path, activation: str | None) -> dict[str, Any]:
    from hypergraph.model import generator
    from hypergraph.storage.tensors import read_tensors

    _, metadata = read_tensors(path)
    if metadata.get("format") == generator.FORMAT:
        loaded, metadata = generator.Generator.load(path)
        size = {"generator": str(path), "networks": " and ".join(map(str, loaded.specs)), "members": loaded.members}
        return {**_plain(metadata), **size}
    network, metadata = load(path, activation)
    spec = network.spec
    size = {"network": str(path), "sizes": str(spec), "activation": spec.activation, "weights": spec.weight_count}
    largest = max(float(tensor.abs().max()) for tensor in network.weights)
    return {**_plain(metadata), **size, "largest": round(largest, 4)}


def _plain(metadata: dict[str, str]) -> dict[str, str]:
    hidden = {"format", "format_version", "spec", "specs"}
    return {name: value for name, value in sorted(metadata.items()) if name not in hidden}
