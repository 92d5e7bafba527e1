"""The report of a finished run, as text to print: which algorithm each member runs at which price."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hypergraph.analysis.measure import or_nan
from hypergraph.runs.config import RunConfig
from hypergraph.runs.records import NetworkRecord, ProgramRecord, Result

MAX_COLUMNS = 4
"""With more members, the table counts them by algorithm."""
EVERY = 3
"""The table shows every third price of the sweep."""


def report(config: RunConfig, result: Result) -> list[Table | Text]:
    """The table of algorithms by price, the best network of each algorithm, and the figures drawn."""
    sample = f", of {config.sample_note}" if config.is_large else ""
    title = Text(f"{config.task} {config.spec}: algorithm and loss by price of information{sample}")
    return [title, _table(config, result), *_best(result), *map(_program, result.programs), *_ending(result)]


def as_html(parts: Iterable[RenderableType]) -> str:
    """The HTML of what rich would print, for a notebook."""
    console = Console(
        file=io.StringIO(), record=True, width=120, color_system="truecolor", force_jupyter=False, highlight=False
    )
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))
    return console.export_html(inline_styles=True, code_format='<pre style="line-height:1.2">{code}</pre>')


def _table(config: RunConfig, result: Result) -> Table:
    colours, members = result.algorithms, config.sample
    cells = {(network.beta, network.member): network for network in result.networks}
    counted = len(members) > MAX_COLUMNS
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # four members fit 80 columns
    table.add_column("beta", justify="right")
    for name in [*colours, ""] if counted else [f"member {member}" for member in members]:
        table.add_column(name, style=colours.get(name, ""))
    for beta in sorted({network.beta for network in result.networks})[::EVERY]:
        row = [cells[beta, member] for member in members]
        texts = _counts(row, [*colours, None]) if counted else [_text(network, colours) for network in row]
        table.add_row(f"{beta:.1e}", *texts)
    return table


def _best(result: Result) -> list[Text]:
    """One line per algorithm: how many networks run it, and the best of them."""
    lines, total = [], len(result.networks)
    for label, count in Counter(network.algorithm for network in result.networks).most_common():
        best = min((network for network in result.networks if network.algorithm == label), key=_loss)
        name = Text(label or "networks", style=result.algorithms.get(label or "", ""))
        lines.append(Text(" ").join([name, Text(f"{count} of {total}, best loss {_loss(best):.4f}: {best.file}")]))
    return lines


def _program(found: ProgramRecord) -> Text:
    """One line: what the exemplar of a family is."""
    if found.program is None:
        return Text(f"{found.family} has no short program: {found.raw_bits:,.0f} bits")
    figures = f"R² {or_nan(found.r2):.3f}, {or_nan(found.bits):.0f} of {found.raw_bits:,.0f} bits"
    return Text(f"{found.family} {found.kind} {found.program.text} ({figures})")


def _ending(result: Result) -> list[Text]:
    solved = sum(_loss(network) < result.solved_loss for network in result.networks)
    lines = [f"solved (loss below {result.solved_loss}): {solved} of {len(result.networks)}"]
    lines += [str(failure) for failure in result.failures if failure.retired]
    if drawn := [PurePath(figure).stem for figure in result.figures if figure.endswith(".svg")]:
        lines.append(f"drawn in figures: {', '.join(drawn)}")
    return list(map(Text, lines))


def _counts(row: Sequence[NetworkRecord], labels: Sequence[str | None]) -> list[str]:
    """How many members run each algorithm, and the lowest loss among them."""
    groups = [[_loss(network) for network in row if network.algorithm == label] for label in labels]
    return [f"{len(losses)}, best {min(losses):.3f}" if losses else "" for losses in groups]


def _text(network: NetworkRecord, colours: Mapping[str, str]) -> Text:
    loss = f"{_loss(network):.3f}".removeprefix("0")
    return Text(f"{network.algorithm or ''} {loss}".strip(), style=colours.get(network.algorithm or "", ""))


def _loss(network: NetworkRecord) -> float:
    """The loss, infinite for a network that diverged."""
    return math.inf if network.loss is None else network.loss
