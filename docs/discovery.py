"""Writes the tables and pictures of docs/discovery.md from finished runs: python docs/discovery.py RUN..."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ship_generator import command
from tables import DOCS, fill, lines, load

from hypergraph.experiment.discover import Discovery, discover
from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.programs.explain import Explanation, explain

HEADER = "| family | networks | members | mean loss | exemplar | its program | numbers | bits | R² | its loss |"
SCORES = (
    "| run | networks | families | with the classifier | each family named once | families have one label "
    "| labels have one family | a third left out | with the members |"
)
ADAM = "analysis/baseline/adam.safetensors"


def families(found: Discovery, task: Task) -> Iterator[tuple[object, ...]]:
    """A row per family, with the program of its exemplar."""
    networks = {network.file: network for network in found.networks}
    for family in found.families:
        beta = networks[family.exemplar].beta
        told = program(explain(family.exemplar, task))
        yield family.name, f"{family.share:.0%}", family.members, f"{family.loss:.3f}", f"beta {beta:.0e}", *told


def program(found: Explanation) -> tuple[object, ...]:
    """The program, its numbers, bits and R², and the loss before and after."""
    if not found.short:
        return f"none that is short: {found.raw_bits:,.0f} bits", "", "", "", f"{found.loss_before:.4f}"
    bits, losses = f"{found.bits:.0f} of {found.raw_bits:,.0f}", f"{found.loss_before:.4f} → {found.loss_after:.4f}"
    return f"{found.kind} `{found.text}`", found.numbers, bits, f"{found.r2:.4f}", losses


def section(run: Path) -> Iterator[str]:
    """The command of a run, its families, how sure they are, and the program of the network that Adam trains."""
    found, result = discover([run]), load(run)
    task = TASKS.load(result["task"], result["options"])
    yield f"`{command(result)}`, `hypergraph discover {run}`, `hypergraph explain {run}`:"
    yield ""
    yield from lines(HEADER, families(found, task))
    yield ""
    agreement, beside = found.agreement, ""
    if agreement:
        beside = f"; {agreement['named_once']:.2f} with the classifier, each family named by its most frequent label"
    left_out, members = f"{found.stability:.2f} with a third of the members left out", f"{found.ari_member:.2f}"
    yield f"Agreement (adjusted Rand index): {left_out}; {members} with the members, 0 if independent of them{beside}."
    if (adam := run / ADAM).is_file():
        text, _, bits, r2, losses = program(explain(adam, task))
        yield ""
        known = f" ({bits} bits, R² {r2}, loss {losses})" if bits else ""
        yield f"The network that Adam trains, `hypergraph explain {adam}`: {text}{known}."


def scores(runs: list[Path]) -> Iterator[str]:
    """A row per run: how many families there are, and what they agree with."""
    rows = []
    for run in runs:
        found = discover([run])
        agreement = found.agreement or {}
        numbers = [agreement.get(name) for name in ("ari", "named_once", "one_label", "one_family")]
        numbers += [found.stability, found.ari_member]
        told = ["" if number is None else f"{number:.2f}" for number in numbers]
        rows.append((f"`{run}`", len(found.networks), len(found.families), *told))
    yield from lines(SCORES, rows)


def main(runs: list[Path]) -> None:
    """Fill the table of scores, and the section of each run that has one, and copy the picture of its families."""
    page = DOCS / "discovery.md"
    text = fill(page.read_text(), "scores", scores(runs))
    for run in runs:
        if f"<!-- {run.name} -->" not in text:
            continue
        text = fill(text, run.name, section(run))
        shutil.copy(run / "figures" / "families.png", DOCS / "pictures" / f"families-{run.name}.png")
    page.write_text(text)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
