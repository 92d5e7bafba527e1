"""The jobs of a run's analysis, done on the nodes. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

import msgspec
import ray
from msgspec.structs import replace

from hypergraph.runs.directory import RunDirectory
from hypergraph_ray.cluster import plugins_setting
from hypergraph_ray.messages import Done, Job, Wanted
from hypergraph_ray.pieces import MAX_WAITING, Attempt, Pieces
from hypergraph_ray.worker import Worker


class Jobs(Pieces[str]):
    """Has jobs done, which the engine sends one by one, as there is room for them, and tells it what comes back.

    An actor whose job is done takes the next.

    Args:
        lines: what the engine sends: the names of all jobs, and whenever it is told that one is wanted, this job.
    """

    actor = ray.remote(Worker)

    def __init__(
        self, run: RunDirectory, job: Job, head: str, tell: Callable[[bytes], None], lines: SimpleQueue[str]
    ) -> None:
        names = msgspec.json.decode(lines.get(), type=list[str])
        super().__init__(replace(run.config, device="cpu"), job, head, names, tell)
        self._lines = lines
        self._processors.add(job.versions["processor"])  # of this machine, which the result names for the analysis

    def title(self, piece: str) -> str:
        return piece

    def _most_unplaced(self, wanted: Mapping[str, float]) -> int:
        """As many as the nodes have room for beside those at work, and at least one, with which a cluster can grow."""
        places = sum(int(node.cpus // wanted["num_cpus"]) for node in self._cluster.nodes)
        return min(MAX_WAITING, max(1, places - len(self._attempts) + len(self._unplaced)))

    def begin(self, attempt: Attempt[str]) -> None:
        self.tell(Wanted(attempt.piece))
        words = self.job.function, self._lines.get(), self.config.task, self.config.threads, plugins_setting()
        self._calls[attempt.actor.do.remote(*words)] = attempt

    def take(self, attempt: Attempt[str], answer: Any) -> None:
        if not self._accepts(attempt, answer.versions):
            return
        if answer.failure is None:
            self.tell(Done(attempt.piece, msgspec.Raw(answer.result)))
            self._take_next(attempt)
        else:
            self._give_up(attempt)
            self._count_failure(attempt, answer.failure)

    def _take_next(self, attempt: Attempt[str]) -> None:
        """Let an actor take the next job, or that of another which still waits for a node; or else end it."""
        if not self._waiting and (unplaced := self._unplaced):
            self._give_up(unplaced[0])
            self._waiting.append(unplaced[0].piece)
        if self._waiting and attempt.node not in self._avoided(self._waiting[0]):
            attempt.piece = self._waiting.popleft()
            self.begin(attempt)
        else:
            self._give_up(attempt)
