"""The actor that does jobs on a node. Nothing here imports torch until it does one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from hypergraph.engines.travel import JobError, do_packed
from hypergraph_ray.messages import Answer
from hypergraph_ray.trainer import place, scratch_folder


class Worker:
    """Does one job after another in its own process."""

    _folder = cached_property(lambda self: scratch_folder())

    def place(self) -> tuple[str, str]:
        """The id and the name of this node."""
        return place()

    def do(self, function: str, packed: str, task: str, threads: int, environment: Mapping[str, str]) -> Answer:
        """Do a packed job of a run of this task.

        Raises FileError where this node's folder for temporary files cannot be written.
        """
        os.environ.update(environment)
        from hypergraph_ray.engine import versions_of_analysis  # imports torch

        versions = versions_of_analysis(task)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            try:
                return Answer(versions, do_packed(function, packed.encode(), threads, Path(folder)))
            except JobError as error:
                return Answer(versions, failure=str(error))
