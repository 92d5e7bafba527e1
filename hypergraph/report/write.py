"""Write the report of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypergraph.analysis.finished import FinishedRun
from hypergraph.report.blobs import Blobs
from hypergraph.report.collect import collect
from hypergraph.report.page import page
from hypergraph.storage.atomic import make_folder, write_bytes


def write_report(runs: Sequence[FinishedRun], path: Path) -> None:
    """Write one HTML file about finished runs; the same runs give the same bytes. Raises FileError, PluginError."""
    blobs = Blobs()
    collected = [collect(run, blobs) for run in runs]
    make_folder(path.parent)
    write_bytes(path, page(collected, blobs).encode())
