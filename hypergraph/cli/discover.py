"""hypergraph discover: the families of networks, found without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.tree import Tree

from hypergraph.cli.options import Activation, Json
from hypergraph.cli.output import WIDEST, err, notify, out, print_json
from hypergraph.extensions.registry import TASKS

if TYPE_CHECKING:
    from hypergraph.analysis.finished import FinishedRun
    from hypergraph.discovery.families import Branch
    from hypergraph.experiment.discover import Discovery, Family


def discover(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished runs, or folders of networks.")],
    task: Annotated[
        str | None, typer.Option(autocompletion=TASKS.names, help="The task of networks whose files do not name it.")
    ] = None,
    activation: Activation = None,
    json: Json = False,
) -> None:
    """Group networks into families of algorithms, told nothing but samples of their task."""
    from hypergraph.experiment.discover import discover as find
    from hypergraph.experiment.display import stage_display

    with stage_display(err) as observe:
        found = find(runs, task, activation, observe)
    if json:
        print_json(found.to_fields())
    else:
        _show(found)
    if found.run:
        _draw(found.run)


def _draw(run: FinishedRun) -> None:
    """Draw the tree of a run into its folder."""
    from hypergraph.figures.catalogue import draw
    from hypergraph.runs.events import Drawn

    with run.directory.lock():
        (event,) = draw(run, ["families"])
    notify(f"Drawn: {event.files[0]}" if isinstance(event, Drawn) else f"families not drawn: {event.reason}")


def _grow(tree: Tree, branch: Branch, lines: dict[str, str]) -> None:
    """Add a branch of the families to what is printed."""
    if isinstance(branch, str):
        tree.add(lines.get(branch, branch))
        return
    height, *parts = branch
    joined = tree.add(f"distance {height:.2f}")
    for part in parts:
        _grow(joined, part, lines)


def _line(family: Family) -> str:
    whose = f"{family.size} ({family.share:.0%}), from {family.members} members"
    return f"{family.name}: {whose}, mean loss {family.loss:.4f}: {family.exemplar}"


def _show(found: Discovery) -> None:
    """Print the tree of the families, and how far they can be trusted."""
    from hypergraph.discovery.families import BORDER, CONSTANT

    labels, total = found.labels, len(found.networks)
    sample = f", of {'; '.join(found.samples)}" if found.samples else ""
    tree = Tree(f"{total} networks, {len(found.families)} families{sample}")
    if branches := found.classifier.families.branches:
        _grow(tree, branches, {family.name: _line(family) for family in found.families})
    Console(file=out.file, width=WIDEST, highlight=False, markup=False).print(tree)  # a line for each family
    for label, meaning in ((BORDER, "near no family"), (CONSTANT, "the inputs hardly matter")):
        if count := labels.count(label):
            out.print(f"{label}: {count} of {total}; {meaning}")
    stable = f"stability: {found.stability:.2f}, agreement with the families found without a third of the members"
    out.print(stable, soft_wrap=True)
    if (ari := found.ari_member) is not None:
        out.print(f"agreement with the members: {ari:.2f}, 0 where families are independent of them")
    if agreement := found.agreement:
        out.print(
            "agreement with the classifier: {ari:.2f}, {named_once:.2f} with each family named once; families have one "
            "label: {one_label:.2f}; labels have one family: {one_family:.2f}".format(**agreement),
            soft_wrap=True,
        )
