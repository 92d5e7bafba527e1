"""Fake distributions: what hypergraph sees of an installed package, without a package."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

HANGING = "import signal, time\nsignal.raise_signal(signal.SIGALRM)\ntime.sleep(3600)\n"
"""A plugin whose time to be loaded is up at once, by the signal that says so: no clock decides what else may load."""


class Install(Protocol):
    """The fixture `install`: makes a module and a distribution that offers the class Good of it as a plugin."""

    def __call__(
        self, dist: str, source: str, *, name: str = ..., kind: str = ..., value: str = ..., **files: str
    ) -> None:
        """`files` replace the text of entry_points or metadata."""


def distribute(folder: Path, dist: str, entry_points: str, version: str = "1.0", metadata: str | None = None) -> None:
    """Write the metadata of a distribution into a folder of the path."""
    info = folder / f"{dist.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points)
    described = f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\nSummary: About {dist}\n"
    (info / "METADATA").write_text(described if metadata is None else metadata)
    importlib.invalidate_caches()
