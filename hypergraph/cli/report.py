"""What a finished run says: which algorithm each member runs at which price."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import PurePath
from typing import Any

from rich.table import Table
from rich.text import Text

from hypergraph.cli.console import out
from hypergraph.runs.directory import RunDirectory
from hypergraph.training.failures import Failure

MANY = 4
"""With more members, the table counts them by algorithm."""
EVERY = 3
"""The table shows every third price of the sweep."""


def print_report(run: RunDirectory, result: dict[str, Any]) -> None:
    """Print the table of algorithms by price, the best network of each algorithm, and where it is drawn."""
    networks, colours = result["networks"], result["algorithms"]
    betas = sorted({network["beta"] for network in networks})
    cells = {(network["beta"], network["member"]): network for network in networks}
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # four members fit 80 columns
    table.add_column("beta", justify="right")
    members = range(run.config.members)
    many = len(members) > MANY
    for name in [*colours, ""] if many else [f"member {member}" for member in members]:
        table.add_column(name, style=colours.get(name, ""))
    for beta in betas[::EVERY]:
        row = [cells[beta, member] for member in members]
        table.add_row(
            f"{beta:.1e}", *(_counts(row, [*colours, None]) if many else [_text(cell, colours) for cell in row])
        )
    out.print(f"{run.config.task} {run.config.spec}: algorithm and loss by price of information", soft_wrap=True)
    out.print(table)
    counts = Counter(network["algorithm"] for network in networks)
    for label, count in counts.most_common():
        best = min((network for network in networks if network["algorithm"] == label), key=_loss)
        name = Text(str(label or "networks"), style=colours.get(label, ""))
        out.print(name, f"{count} of {len(networks)}, best loss {_loss(best):.4f}: {best['file']}", soft_wrap=True)
    solved = sum(_loss(network) < result["solved_loss"] for network in networks)
    out.print(f"solved (loss below {result['solved_loss']}): {solved} of {len(networks)}")
    for failure in result["failures"]:
        if failure["retired"]:
            out.print(str(Failure(**failure)), soft_wrap=True)
    if result["figures"]:
        names = [PurePath(figure).stem for figure in result["figures"] if figure.endswith(".svg")]
        out.print("drawn in figures:", ", ".join(names), soft_wrap=True)


def _counts(row: list[dict[str, Any]], labels: list[str | None]) -> list[str]:
    """How many members run each algorithm, and the lowest loss among them."""
    groups = [[_loss(network) for network in row if network["algorithm"] == label] for label in labels]
    return [f"{len(losses)}, best {min(losses):.3f}" if losses else "" for losses in groups]


def _text(network: dict[str, Any], colours: dict[str, str]) -> Text:
    return Text(_cell(network), style=colours.get(network["algorithm"], ""))


def _cell(network: dict[str, Any]) -> str:
    loss = f"{_loss(network):.3f}"
    return f"{network['algorithm'] or ''} {loss.removeprefix('0')}".strip()


def _loss(network: dict[str, Any]) -> float:
    """The loss; infinite where it is null because the network diverged."""
    return math.inf if network["loss"] is None else network["loss"]
