"""hypergraph explain: the short program that a network runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hypergraph.cli.files import one_by_one, task_described
from hypergraph.cli.options import Activation, Json, load
from hypergraph.cli.output import err, notify, print_json, show
from hypergraph.errors import UsageError, printable
from hypergraph.extensions.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.interfaces import Task
    from hypergraph.programs.explain import Explanation


def explain(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE|RUN...", help="Networks; of a run, the exemplars of its families."),
    ],
    task: Annotated[
        str | None, typer.Option(autocompletion=TASKS.names, help="The task, if a file does not name it.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of --task; may be repeated.")
    ] = None,
    activation: Activation = None,
    out: Annotated[
        Path | None, typer.Option(metavar="NET.safetensors", help="Write the program's network into this file.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="NET.svg|png|pdf", help="Draw the network in the colours of its roles.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="Write the program for a network of this size, with numbers fitted to the task there."),
    ] = None,
    json: Json = False,
) -> None:
    """Write each network as a short program, if it runs one."""
    described = task_described(task, options or [])
    sources = [source for path in paths for source in _sources(path, described)]
    if (out or draw or layers) and len(sources) > 1:
        raise UsageError(f"one network at a time has a file or another size, not {len(sources)}")
    rows: list[dict[str, Any]] = []
    with one_by_one() as attempt:
        for number, (file, metadata) in enumerate(sources, 1):
            if len(sources) > 1:
                notify(f"{number} of {len(sources)}: {printable(str(file))}")
            with attempt(file):
                found = _explain(file, metadata, activation, layers, out, draw)
                rows.append({"file": str(file), **found.record()})
                if not json:
                    _print(file, found)
        if json and rows:
            print_json(rows)


def _sources(path: Path, described: dict[str, str]) -> list[tuple[Path, dict[str, str]]]:
    """A file, or the exemplars of a run's families, each with the metadata that name its task."""
    if not path.is_dir():
        return [(path, described)]
    from hypergraph.experiment.discover import discover
    from hypergraph.experiment.display import stage_display
    from hypergraph.extensions.options import task_metadata
    from hypergraph.runs.directory import RunDirectory

    config = RunDirectory.open(path).config
    with stage_display(err) as observe:
        families = discover([path], observe=observe).families
    return [(Path(family.exemplar), task_metadata(config.task, config.options)) for family in families]


def _explain(
    file: Path,
    described: dict[str, str],
    activation: str | None,
    layers: str | None,
    out: Path | None,
    picture: Path | None,
) -> Explanation:
    from hypergraph.experiment.networks import draw_roles
    from hypergraph.programs.explain import explain, task_of

    network, metadata = load(file, activation)
    described = described or {name: text for name, text in metadata.items() if name in ("task", "options")}
    task = task_of(described)
    found = explain(network, task)
    if picture is not None:
        draw_roles(network, found, picture)
    if layers is not None:
        found = _resized(found, task, layers)
    if out is not None:
        if not found.short:
            raise UsageError(f"{file} has no short program, so there is none to write")
        found.network.save(out, described)
    return found


def _resized(found: Explanation, task: Task | None, layers: str) -> Explanation:
    from hypergraph.programs.sizes import resize
    from hypergraph.spec import MLPSpec

    if task is None:
        raise UsageError("a program for another size is fitted to its task: name it with --task")
    return resize(found, MLPSpec.parse(layers), task)


def _print(file: Path, found: Explanation) -> None:
    from rich.text import Text

    show(Text(printable(f"{file}: {found.summary}")))
    if found.short:
        show(Text(f"  {found.text}"))
