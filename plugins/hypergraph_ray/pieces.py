"""Pieces of work are given to actors on the nodes of a cluster, whatever dies. Nothing here imports torch."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import ray
from msgspec.structs import replace

from hypergraph.errors import HypergraphError
from hypergraph.extensions.registry import reason
from hypergraph.runs.config import RunConfig
from hypergraph.runs.events import Noticed
from hypergraph_ray.address import check_answers
from hypergraph_ray.cluster import demand, living_nodes, look
from hypergraph_ray.messages import Job, Message, PieceFailed

P = TypeVar("P")

MAX_WAITING = 64
"""Actors that wait for a node; they are what tells a cluster that can grow how much is wanted."""
MAX_FAILURES = 3
"""Failures of a piece without a new state in between, after which it is given up."""
LOOK_EVERY_S = 2
"""How often the driver looks at the nodes and the head."""
HEAD_GONE_S = 30
"""After so long without an answer of the head, work is saved and ended; Ray ends its processes after 60 s."""


class Attempt(Generic[P]):
    """A piece that an actor works on, or will.

    Attributes:
        avoided: the ids of the nodes on which it must not run.
        node: where it runs: id and name, both empty while it waits.
        resumed: whether it goes on from a state.
        cut_off: whether an answer was lost.
    """

    def __init__(self, piece: P, actor: Any, avoided: frozenset[str]) -> None:
        self.piece, self.actor, self.avoided = piece, actor, avoided
        self.node, self.name = "", ""
        self.resumed = self.cut_off = False
        self.placed = threading.Event()


class Pieces(ABC, Generic[P]):
    """Gives out pieces of a run's work, and gathers what comes back, until all are done or have failed.

    Attributes:
        actor: the class of the actors. Its method `place` tells the id and the name of its node.
        calls: how many calls an actor takes at once.
        config: of the run, whose device is that of this work.
    """

    actor: ClassVar[Any]
    calls: ClassVar[int] = 1

    def __init__(
        self, config: RunConfig, job: Job, head: str, pieces: Iterable[P], tell: Callable[[bytes], None]
    ) -> None:
        self.config, self.job, self.head = config, job, head
        self._tell_line = tell
        self._waiting = deque(pieces)
        self._attempts: set[Attempt[P]] = set()
        self._calls: dict[Any, Attempt[P]] = {}
        self._failed_on: dict[P, list[str]] = {}
        self._refused: dict[str, str] = {}
        self._processors: set[str] = set()
        self._stopping = threading.Event()
        self._cluster = look(job.device, head)
        self._heard = self._looked = time.monotonic()

    @abstractmethod
    def title(self, piece: P) -> str:
        """What messages call a piece."""

    @abstractmethod
    def begin(self, attempt: Attempt[P]) -> None:
        """Let an actor, which has a node now, begin with its piece. Raises FileError."""

    @abstractmethod
    def take(self, attempt: Attempt[P], answer: Any) -> None:
        """Take what an actor answers that has begun. Raises HypergraphError."""

    def tell(self, message: Message) -> None:
        """Send a message to the engine."""
        self._tell_line(msgspec.json.encode(message))

    def work(self) -> None:
        """Have all pieces done. Raises HypergraphError where it cannot go on."""
        while self._waiting or self._calls:
            self._give_out()
            self._gather()
            if time.monotonic() - self._looked > LOOK_EVERY_S:
                self._look()
                self._check_waiting()

    def _gather(self) -> None:
        """Receive what actors have answered, after a while nothing. Raises HypergraphError."""
        if self._calls:
            ready, _ = ray.wait(list(self._calls), timeout=LOOK_EVERY_S, fetch_local=False)
            for call in ready:
                if attempt := self._calls.pop(call, None):
                    self._receive(attempt, call)

    @property
    def _unplaced(self) -> list[Attempt[P]]:
        """Those that wait for a node."""
        return [attempt for attempt in self._attempts if not attempt.placed.is_set()]

    def _most_unplaced(self, wanted: Mapping[str, float]) -> int:
        """How many actors that want as much may wait for a node."""
        return MAX_WAITING

    def _give_out(self) -> None:
        """Start actors for waiting pieces; while stopping, give up those that wait."""
        unplaced = self._unplaced
        if self._stopping.is_set():
            self._waiting.clear()
            for attempt in unplaced:
                self._give_up(attempt)
        if not self._waiting:
            return
        wanted = demand(self.config, self.job.memory, self._cluster)
        for _ in range(min(len(self._waiting), self._most_unplaced(wanted) - len(unplaced))):
            piece = self._waiting.popleft()
            avoided = self._avoided(piece)
            select = {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}} if avoided else {}
            actor = self.actor.options(max_concurrency=self.calls, **wanted, **select).remote()
            attempt = Attempt(piece, actor, avoided)
            self._attempts.add(attempt)
            self._calls[attempt.actor.place.remote()] = attempt

    def _avoided(self, piece: P) -> frozenset[str]:
        """The living nodes that are refused, and those on which the piece failed, unless no other would be left."""
        living = {node.id for node in self._cluster.nodes if node.cpus}
        refused = living & self._refused.keys()
        if refused and refused == living:
            raise HypergraphError(f"no node can work on this run: {self._refused[min(refused)]}")
        avoided = refused | living & {*self._failed_on.get(piece, ())}
        return frozenset(refused if avoided == living else avoided)

    def _give_up(self, attempt: Attempt[P]) -> None:
        """End an actor; what it still does is of no use."""
        self._attempts.discard(attempt)
        for call in [call for call, each in self._calls.items() if each is attempt]:
            del self._calls[call]
        ray.kill(attempt.actor)

    def _receive(self, attempt: Attempt[P], call: Any) -> None:
        """Take the answer of an actor, and ask it for the next. Raises HypergraphError."""
        try:
            answer = ray.get(call)
        except ray.exceptions.ActorUnavailableError:
            attempt.cut_off = True
            self._calls[attempt.actor.place.remote()] = attempt  # answered once it is known who died
        except ray.exceptions.RayError as error:
            self._give_up(attempt)
            self._lost(attempt, error)
        else:
            if not isinstance(answer, tuple):
                self.take(attempt, answer)
            elif attempt.cut_off:  # it lives, but what it had sent is lost
                self._give_up(attempt)
                self._go_on_elsewhere(attempt, "was cut off")
            else:
                attempt.node, attempt.name = answer
                attempt.placed.set()
                if self._stopping.is_set():
                    self._give_up(attempt)
                else:
                    self.begin(attempt)

    def _accepts(self, attempt: Attempt[P], here: Mapping[str, str]) -> bool:
        """Whether a node of these versions computes as this one does; one that does not is refused."""
        wrong = [f"{name} {here.get(name)} (here {version})" for name, version in self.job.versions.items()
                 if name != "processor" and here.get(name) != version]  # fmt: skip
        self._notice_processor(attempt, here["processor"])
        if wrong:
            self._refused[attempt.node] = f"{attempt.name} has {', '.join(wrong)}"
            self.tell(Noticed(f"{self._refused[attempt.node]}: nothing is computed there"))
            self._give_up(attempt)
            self._waiting.appendleft(attempt.piece)
        return not wrong

    def _notice_processor(self, attempt: Attempt[P], processor: str) -> None:
        if self._processors and processor not in self._processors:
            text = f"{attempt.name} has another processor, {processor}: what it computes is rounded otherwise"
            self.tell(Noticed(text))
        self._processors.add(processor)

    def _lost(self, attempt: Attempt[P], error: Exception) -> None:
        """Go on with a piece whose actor died: by its own fault where it raised an error, or its node lives on."""
        self._look()
        raised = isinstance(error, ray.exceptions.RayTaskError) or getattr(error, "actor_init_failed", False)
        if not raised and attempt.node not in {node.id for node in self._cluster.nodes}:
            self._go_on_elsewhere(attempt, "is gone")
        else:
            self._count_failure(attempt, _cause(error))

    def _go_on_elsewhere(self, attempt: Attempt[P], why: str) -> None:
        if not self._stopping.is_set():
            self.tell(Noticed(f"{attempt.name or 'a node'} {why}: {self.title(attempt.piece)} will go on elsewhere"))
            self._waiting.appendleft(attempt.piece)

    def _count_failure(self, attempt: Attempt[P], why: str) -> None:
        """Try a piece again, elsewhere if possible, or give it up."""
        if self._stopping.is_set():
            return
        title, where = self.title(attempt.piece), f"on {attempt.name}" if attempt.name else "before it had a node"
        failures = self._failed_on.setdefault(attempt.piece, [])
        failures.append(attempt.node)
        if len(failures) < MAX_FAILURES:
            self.tell(Noticed(f"{title} failed {where} and will be tried again: {why}"))
            self._waiting.appendleft(attempt.piece)
        else:
            self.tell(PieceFailed(title, f"{MAX_FAILURES} times, at last {where}: {why}"))

    def _look(self) -> None:
        """Look which nodes live. Raises HypergraphError where the head has not answered for long."""
        self._looked = time.monotonic()
        try:
            check_answers(self.head)
        except HypergraphError:
            if self._looked - self._heard > HEAD_GONE_S and not self._stopping.is_set():
                raise HypergraphError(f"the head of the cluster at {self.head} is gone") from None
        else:
            self._heard = self._looked
            self._cluster = replace(self._cluster, nodes=living_nodes())

    def _check_waiting(self) -> None:
        """Let pieces wait for any node again where all those that they waited for are gone."""
        living = {node.id for node in self._cluster.nodes if node.cpus}
        for attempt in [each for each in self._unplaced if living <= each.avoided]:
            self._give_up(attempt)
            self._waiting.appendleft(attempt.piece)


def _cause(error: Exception) -> str:
    """Why an actor died or what it raised, without the details that Ray adds."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return reason(error.cause)
    return " ".join(line for line in str(error).splitlines() if not line.startswith("\t"))
