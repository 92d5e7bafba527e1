"""hypergraph explain: the short program that a network runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hypergraph.cli.options import Activation, Json, load
from hypergraph.cli.output import complain, err, notify, plugin_errors, print_json, show
from hypergraph.errors import HypergraphError, UsageError, printable
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
    activation: Activation = None,
    out: Annotated[
        Path | None, typer.Option(metavar="NET.safetensors", help="Write the program's network into this file.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="Write the program for a network of this size, with numbers fitted to the task there."),
    ] = None,
    json: Json = False,
) -> None:
    """Write each network as a short program, if it runs one."""
    sources = [source for path in paths for source in _sources(path, task)]
    if (out or layers) and len(sources) > 1:
        raise UsageError(f"one network at a time has a file or another size, not {len(sources)}")
    rows, status = [], 0
    for number, (file, own_task) in enumerate(sources, 1):
        if len(sources) > 1:
            notify(f"{number} of {len(sources)}: {printable(str(file))}")
        try:
            with plugin_errors():
                rows.append({"file": str(file), **_explain(file, own_task, activation, layers, out)})
        except HypergraphError as error:  # the other files are explained all the same
            complain(str(error) if printable(str(file)) in str(error) else f"{file}: {error}")
            status = max(status, error.exit_code)
        else:
            if not json:
                _print(rows[-1])
    if json and rows:
        print_json(rows)
    if status:
        raise typer.Exit(status)


def _sources(path: Path, task: str | None) -> list[tuple[Path, Task | str | None]]:
    """A file, or the exemplars of a run's families, each with its task."""
    if not path.is_dir():
        return [(path, task)]
    from hypergraph.experiment.discover import discover
    from hypergraph.experiment.display import stage_display
    from hypergraph.runs.directory import RunDirectory

    config = RunDirectory.open(path).config
    with stage_display(err) as observe:
        families = discover([path], observe=observe).families
    return [(Path(family.exemplar), TASKS.load(config.task, config.options)) for family in families]


def _explain(
    file: Path, task: Task | str | None, activation: str | None, layers: str | None, out: Path | None
) -> dict[str, Any]:
    from hypergraph.programs.explain import explain

    network, metadata = load(file, activation)
    task = task or metadata.get("task")
    found = explain(network, task)
    if layers is not None:
        found = _resized(found, task, layers)
    if out is not None:
        if not found.short:
            raise UsageError(f"{file} has no short program, so there is none to write")
        name = metadata.get("task") or (task if isinstance(task, str) else None)
        found.network.save(out, {"task": name} if name else {})
    return found.record()


def _resized(found: Explanation, task: Task | str | None, layers: str) -> Explanation:
    from hypergraph.programs.sizes import resize
    from hypergraph.spec import MLPSpec

    if task is None:
        raise UsageError("a program for another size is fitted to its task: name it with --task")
    return resize(found, MLPSpec.parse(layers), TASKS.load(task) if isinstance(task, str) else task)


def _print(row: dict[str, Any]) -> None:
    from rich.text import Text

    show(Text(printable(f"{row['file']}: {_summary(row)}")))
    if row["program"]:
        show(Text("  " + row["program"]["text"]))


def _summary(row: dict[str, Any]) -> str:
    if not row["short"]:
        loss = "" if row["loss_before"] is None else f", loss {row['loss_before']:.4f}"
        return f"no short program: {row['raw_bits']:,.0f} bits{loss}"
    parts = [f"{row['numbers']} numbers", f"{row['bits']:.0f} of {row['raw_bits']:,.0f} bits"]
    if row["r2"] is not None:
        parts.append(f"R² {row['r2']:.4f}, shifted {row['r2_shifted']:.4f}")
    if row["loss_after"] is not None:
        before = "" if row["loss_before"] is None else f"{row['loss_before']:.4f} -> "
        parts.append(f"loss {before}{row['loss_after']:.4f}")
    return f"{row['kind']} ({', '.join(parts)})"
