"""make gpu: checks and measurements of a GPU, in ten minutes at most, for docs/performance.md.

PYTHONPATH=tests python -m gpu FOLDER [DEVICE] writes gpu.md and gpu.json. On DEVICE cpu, which tests the script itself,
everything is small and graphs are played back: its times mean nothing.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from gpu.checks import CHECKS
from gpu.measure import FULL, SMALL, Row, Sizes, measure
from gpu.playback import played_back
from hypergraph.torch_state import usual_torch

BUDGET_S = 480
"""Seconds after which no more measurement begins; one takes less than a minute."""


def checked(device: torch.device) -> dict[str, str]:
    """The result of every check: passed, or what was wrong."""
    results = {}
    for name, check in CHECKS.items():
        try:
            check(device)
            results[name] = "passed"
        except Exception as error:  # the other checks and the measurements go on
            results[name] = f"failed: {error!r}"
        print(f"{name}: {results[name]}", flush=True)
    return results


def measured(device: torch.device, sizes: Sizes, until: float) -> Iterator[Row]:
    """A row for each work; what does not fit in the memory or the time is told."""
    for work in sizes.works:
        row: Row = {"work": work.kind, "layers": list(work.layers), "members": work.members}
        if time.monotonic() > until:
            yield row | {"missing": "out of time"}
            continue
        try:
            yield measure(work, sizes, device)
        except Exception as error:  # the other rows are worth having
            yield row | {"missing": repr(error)}
        if device.type == "cuda":
            torch.cuda.empty_cache()


def table(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"Measured on {report['device']} with torch {report['torch']}.", "", "| check | result |", "|---|---|"]
    lines += [f"| {name} | {result.splitlines()[0]} |" for name, result in report["checks"].items()]
    heads = "work", "network", "members", "ms, graphs off", "ms, graphs on", "gain", "member-steps/s", "peak"
    lines += ["", f"| {' | '.join(heads)} |", f"|---|---|{'---:|' * (len(heads) - 2)}"]
    return "\n".join([*lines, *map(_line, report["rows"])]) + "\n"


def _line(row: Row) -> str:
    cells = [row["work"], ",".join(map(str, row["layers"])), str(row["members"])]
    if "missing" in row:
        return f"| {' | '.join([*cells, row['missing'].splitlines()[0], *['-'] * 4])} |"
    seconds = row["seconds"]
    milliseconds = [f"{1e3 * seconds[way]:.2f}" if way in seconds else "-" for way in ("off", "on")]
    gain = f"{seconds['off'] / seconds['on']:.2f} x" if "on" in seconds else "-"
    peak = "-" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e9:.2f} GB"
    rate = f"{row['members'] / min(seconds.values()):,.0f}"
    return f"| {' | '.join([*cells, *milliseconds, gain, rate, peak])} |"


@usual_torch()
def main(folder: str, name: str = "cuda") -> int:
    """Check, measure, and write the report. Returns the exit status: 1 where a check failed."""
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("torch finds no GPU here; nothing was measured", file=sys.stderr)
        return 1
    on_cpu, until = device.type == "cpu", time.monotonic() + BUDGET_S
    with played_back() if on_cpu else contextlib.nullcontext():
        report: dict[str, Any] = {
            "device": "the CPU, graphs played back" if on_cpu else torch.cuda.get_device_name(device),
            "torch": torch.__version__,
            "checks": checked(device),
            "rows": list(measured(device, SMALL if on_cpu else FULL, until)),
        }
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "gpu.json").write_text(json.dumps(report, indent=2) + "\n")
    (Path(folder) / "gpu.md").write_text(table(report))
    print(table(report))
    return int(any(result != "passed" for result in report["checks"].values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
