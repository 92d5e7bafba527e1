"""hypergraph draw: a picture of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hypergraph.cli.console import Seed, err


def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A network, as safetensors.")],
    out: Annotated[Path, typer.Option(metavar="NET.svg|png|pdf", help="Where to draw it.")],
    layout: Annotated[str | None, typer.Option(help="force or layered; a plugin may have others.")] = None,
    seed: Seed = 0,
) -> None:
    """Draw a network: inputs green, output magenta, positive weights red, negative blue."""
    from hypergraph.errors import UsageError
    from hypergraph.extensions.registry import working_visualizers
    from hypergraph.storage.atomic import make_folder
    from hypergraph.weights import MLPWeights

    network, _ = MLPWeights.load(file)
    visualizers = working_visualizers()
    for visualizer in visualizers:
        if layout is None or layout in visualizer.layouts:
            make_folder(out.parent)
            visualizer.draw(MLPWeights.stack([network]), [out], layout=layout or visualizer.layouts[0], seed=seed)
            err.print(f"drew {out}", soft_wrap=True)
            return
    layouts = [name for visualizer in visualizers for name in visualizer.layouts]
    raise UsageError(f"no visualizer draws layout {layout!r}; there are {', '.join(layouts) or 'none installed'}")
