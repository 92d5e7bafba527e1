"""Writes the tables and pictures of docs/discovery.md from finished runs: python docs/discovery.py RUN..."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from default_runs import load
from results import DOCS, fill, lines
from ship_generator import command

from hypergraph.experiment.discover import Discovery, discover
from hypergraph.extensions.registry import TASKS
from hypergraph.interfaces import Task
from hypergraph.programs.explain import Explanation, explain

HEADER = "| family | networks | members | mean loss | exemplar | its program | numbers | bits | R² | its loss |"
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


def main(runs: list[Path]) -> None:
    """Fill the section of each run, and copy the picture of its families."""
    page = DOCS / "discovery.md"
    text = page.read_text()
    for run in runs:
        text = fill(text, run.name, section(run))
        shutil.copy(run / "figures" / "families.png", DOCS / "pictures" / f"families-{run.name}.png")
    page.write_text(text)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
