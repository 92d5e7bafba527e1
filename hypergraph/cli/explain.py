"""hypergraph explain: the short program that a network runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hypergraph.cli.options import Json
from hypergraph.cli.output import complain, notify, print_json, show
from hypergraph.errors import FileError, UsageError, printable
from hypergraph.extensions.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.programs.explain import Explanation


def explain(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Networks, as safetensors.")],
    task: Annotated[
        str | None,
        typer.Option(autocompletion=TASKS.names, help="The task of the inputs and losses, if a file does not name it."),
    ] = None,
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
    if (out or layers) and len(files) > 1:
        raise UsageError(f"one network at a time has a file or another size, not {len(files)}")
    rows, refused = [], False
    for number, file in enumerate(files, 1):
        if len(files) > 1:
            notify(f"{number} of {len(files)}: {printable(str(file))}")
        try:
            rows.append({"file": str(file), **_explain(file, task, layers, out)})
        except FileError as error:  # the other files are explained all the same
            complain(str(error))
            refused = True
        else:
            if not json:
                _print(rows[-1])
    if json and rows:
        print_json(rows)
    if refused:
        raise typer.Exit(FileError.exit_code)


def _explain(file: Path, task: str | None, layers: str | None, out: Path | None) -> dict[str, Any]:
    from hypergraph.programs.explain import explain
    from hypergraph.weights import MLPWeights

    network, metadata = MLPWeights.load(file)
    name = task or metadata.get("task")
    found = explain(network, name)
    if layers is not None:
        found = _resized(found, name, layers)
    if out is not None:
        if not found.short:
            raise UsageError(f"{file} has no short program, so there is none to write")
        found.network.save(out, {"task": name} if name else {})
    return found.record()


def _resized(found: Explanation, task: str | None, layers: str) -> Explanation:
    from hypergraph.programs.sizes import resize
    from hypergraph.spec import MLPSpec

    if task is None:
        raise UsageError("a program for another size is fitted to its task: name it with --task")
    return resize(found, MLPSpec.parse(layers), TASKS.load(task))


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
