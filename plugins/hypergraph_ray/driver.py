"""The process that gives the chunks of a run to a cluster: python -m hypergraph_ray.driver JOB.

It writes messages to standard output as lines of JSON. When its standard input ends, it lets all chunks finish their
step and save, writes what they send, and ends. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec
import ray
from msgspec.structs import replace

from hypergraph.engines.process import STOPPED, Failed
from hypergraph.errors import BusyError, FileError, HypergraphError
from hypergraph.extensions.registry import reason
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Noticed
from hypergraph.runs.records import Provenance
from hypergraph_ray.address import check_answers
from hypergraph_ray.cluster import demand, joined, living_nodes, look, plugins_setting
from hypergraph_ray.files import PROVENANCE, STATE, members_of, start_files, write_files
from hypergraph_ray.messages import ChunkFailed, Job, Message, Report
from hypergraph_ray.trainer import Trainer

MAX_WAITING = 64
"""Actors that wait for a node; they are what tells a cluster that can grow how much is wanted."""
MAX_FAILURES = 3
"""Failures of a chunk without a new state in between, after which it is given up."""
LOOK_EVERY_S = 2
"""How often the driver looks at the nodes and the head."""
HEAD_GONE_S = 30
"""After so long without an answer of the head, work is saved and ended; Ray ends its processes after 60 s."""
BUSY_S = 0.1
"""Pause before a chunk is asked for again that another process holds."""
ROUNDS = 2
"""A chunk gathers its news for so many times as long as the driver takes for a report of each chunk at work.

So the driver keeps up with any number of chunks: states that follow each other closely are sent once, the newest.
"""


TRAINER = ray.remote(Trainer)


class Attempt:
    """A chunk that is, or will be, trained by an actor.

    Attributes:
        avoided: the ids of the nodes on which it must not run.
        node: where it runs: id and name, both empty while it waits.
        resumed: whether it goes on from a state.
        cut_off: whether an answer was lost.
    """

    def __init__(self, chunk: Chunk, actor: Any, avoided: frozenset[str]) -> None:
        self.chunk, self.actor, self.avoided = chunk, actor, avoided
        self.node, self.name = "", ""
        self.resumed = self.cut_off = False
        self.placed = threading.Event()


class Driver:
    """Gives out the chunks of a run, and gathers what comes back, until all are trained or have failed."""

    def __init__(self, run: RunDirectory, job: Job, head: str, tell: Callable[[bytes], None]) -> None:
        self.run, self.job, self.head = run, job, head
        self._tell_line = tell
        self._config = run.config.to_fields()
        self._waiting = deque(chunk for chunk in run.chunks if not chunk.trained.exists())
        self._attempts: set[Attempt] = set()
        self._calls: dict[Any, Attempt] = {}
        self._failed_on: dict[Chunk, list[str]] = {}
        self._refused: dict[str, str] = {}
        self._processors: set[str] = set()
        self._report_s = 0.0
        self._stopping = threading.Event()
        self._cluster = look(job.device, head)
        self._heard = self._looked = time.monotonic()

    def tell(self, message: Message) -> None:
        """Send a message to the engine."""
        self._tell_line(msgspec.json.encode(message))

    def stop(self) -> None:
        """Let the chunks at work finish their step and save. May be called in another thread."""
        self._stopping.set()
        for attempt in list(self._attempts):
            if attempt.placed.is_set():
                attempt.actor.stop.remote()

    def train(self) -> None:
        """Train. Raises HypergraphError where it cannot go on, after all chunks at work have saved."""
        try:
            while self._waiting or self._calls:
                self._give_out()
                for call in self._answered():
                    self._receive(self._calls.pop(call), call)
                if time.monotonic() - self._looked > LOOK_EVERY_S:
                    self._look()
                    self._check_waiting()
        except HypergraphError:
            self.stop()
            while self._calls:  # what can still be saved
                self._give_out()
                for call in self._answered():
                    with contextlib.suppress(HypergraphError):
                        self._receive(self._calls.pop(call), call)
            raise

    def _answered(self) -> list[Any]:
        """Calls that actors have answered, after a while none."""
        if not self._calls:
            return []
        ready, _ = ray.wait(list(self._calls), timeout=LOOK_EVERY_S, fetch_local=False)
        return ready

    def _give_out(self) -> None:
        """Start actors for waiting chunks; while stopping, give up those that wait."""
        unplaced = [attempt for attempt in self._attempts if not attempt.placed.is_set()]
        if self._stopping.is_set():
            self._waiting.clear()
            for attempt in unplaced:
                self._give_up(attempt)
            return
        for _ in range(min(len(self._waiting), MAX_WAITING - len(unplaced))):
            chunk = self._waiting.popleft()
            avoided = self._avoided(chunk)
            select = {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}} if avoided else {}
            wanted = demand(self.run.config, self.job.memory, self._cluster)
            actor: Any = TRAINER.options(max_concurrency=2, **wanted, **select).remote()
            attempt = Attempt(chunk, actor, avoided)
            self._attempts.add(attempt)
            self._calls[actor.place.remote()] = attempt

    def _avoided(self, chunk: Chunk) -> frozenset[str]:
        """The living nodes that are refused, and those on which the chunk failed, unless no other would be left."""
        living = {node.id for node in self._cluster.nodes if node.cpus}
        refused = living & self._refused.keys()
        if refused and refused == living:
            raise HypergraphError(f"no node can train this run: {self._refused[min(refused)]}")
        avoided = refused | living & {*self._failed_on.get(chunk, ())}
        return frozenset(refused if avoided == living else avoided)

    def _give_up(self, attempt: Attempt) -> None:
        """End an actor; what it still does is of no use."""
        self._attempts.discard(attempt)
        for call in [call for call, each in self._calls.items() if each is attempt]:
            del self._calls[call]
        ray.kill(attempt.actor)

    def _receive(self, attempt: Attempt, call: Any) -> None:
        """Take the answer of an actor, and ask it for the next. Raises HypergraphError."""
        started = time.monotonic()
        try:
            answer = ray.get(call)
        except ray.exceptions.ActorUnavailableError:
            attempt.cut_off = True
            self._calls[attempt.actor.place.remote()] = attempt  # answered once it is known who died
        except ray.exceptions.RayError as error:
            self._give_up(attempt)
            self._lost(attempt, error)
        else:
            if isinstance(answer, Report):
                self._take(attempt, answer)
                self._report_s += 0.1 * (time.monotonic() - started - self._report_s)
            elif attempt.cut_off:  # it lives, but what it had sent is lost
                self._give_up(attempt)
                self._go_on_elsewhere(attempt, "was cut off")
            else:
                self._start(attempt, *answer)

    def _take(self, attempt: Attempt, answer: Report) -> None:
        """Take a report. Raises HypergraphError."""
        if self._accepts(attempt, answer):
            self._write(attempt, answer)
            if not answer.ended:
                gather_s = ROUNDS * len(self._attempts) * self._report_s
                self._calls[attempt.actor.report.remote(gather_s)] = attempt
                return
            self._give_up(attempt)
            if self.run.config.is_large and attempt.chunk.trained.exists():
                attempt.chunk.remove_state()
            if answer.failure:
                self._count_failure(attempt, answer.failure)
            elif not attempt.chunk.trained.exists() and not self._stopping.is_set():
                self._waiting.appendleft(attempt.chunk)

    def _start(self, attempt: Attempt, node: str, name: str) -> None:
        """Send an actor, which has a node now, what it needs to train. Raises FileError."""
        attempt.node, attempt.name = node, name
        attempt.placed.set()
        if self._stopping.is_set():
            self._give_up(attempt)
            return
        chunk = attempt.chunk
        try:
            with chunk.lock():  # which also removes half-written files
                files = start_files(chunk)
        except BusyError:  # a worker that outlives the engine of this machine for one step
            time.sleep(BUSY_S)
            self._calls[attempt.actor.place.remote()] = attempt
            return
        attempt.resumed = STATE in files
        words = self._config, members_of(chunk), files, plugins_setting(), str(chunk.log)
        self._calls[attempt.actor.train.remote(*words)] = attempt

    def _accepts(self, attempt: Attempt, report: Report) -> bool:
        """Whether a node computes as this one does; one that does not is refused, and nothing of it is written."""
        if PROVENANCE not in report.files:
            return True
        here = msgspec.json.decode(report.files[PROVENANCE], type=list[Provenance])[-1].versions
        wrong = [f"{name} {here.get(name)} (here {version})" for name, version in self.job.versions.items()
                 if name != "processor" and here.get(name) != version]  # fmt: skip
        self._notice_processor(attempt, here["processor"])
        if wrong:
            self._refused[attempt.node] = f"{attempt.name} has {', '.join(wrong)}"
            self.tell(Noticed(f"{self._refused[attempt.node]}: nothing is trained there"))
            self._give_up(attempt)
            self._waiting.appendleft(attempt.chunk)
        return not wrong

    def _notice_processor(self, attempt: Attempt, processor: str) -> None:
        if self._processors and processor not in self._processors:
            self.tell(Noticed(f"{attempt.name} has another processor, {processor}: its chunks are rounded otherwise"))
        self._processors.add(processor)

    def _write(self, attempt: Attempt, report: Report) -> None:
        """Write what came, then tell of it. Raises HypergraphError."""
        try:
            write_files(attempt.chunk, report.files)
        except FileError as error:
            self._give_up(attempt)
            self.tell(ChunkFailed(members_of(attempt.chunk), str(error)))
            raise
        if STATE in report.files and attempt.resumed:
            self._failed_on.pop(attempt.chunk, None)
        attempt.resumed = True
        for event in report.events:
            self._tell_line(event)

    def _lost(self, attempt: Attempt, error: Exception) -> None:
        """Go on with a chunk whose actor died: by its own fault where it raised an error, or its node lives on."""
        self._look()
        raised = isinstance(error, ray.exceptions.RayTaskError) or getattr(error, "actor_init_failed", False)
        if not raised and attempt.node not in {node.id for node in self._cluster.nodes}:
            self._go_on_elsewhere(attempt, "is gone")
        else:
            self._count_failure(attempt, _cause(error))

    def _go_on_elsewhere(self, attempt: Attempt, why: str) -> None:
        if not self._stopping.is_set():
            where = attempt.name or "a node"
            self.tell(Noticed(f"{where} {why}: members {attempt.chunk.folder.name} go on elsewhere"))
            self._waiting.appendleft(attempt.chunk)

    def _count_failure(self, attempt: Attempt, why: str) -> None:
        """Try a chunk again, elsewhere if possible, or give it up."""
        if self._stopping.is_set():
            return
        chunk, where = attempt.chunk, f"on {attempt.name}" if attempt.name else "before it had a node"
        failures = self._failed_on.setdefault(chunk, [])
        failures.append(attempt.node)
        if len(failures) < MAX_FAILURES:
            self.tell(Noticed(f"members {chunk.folder.name} failed {where} and are tried again: {why}"))
            self._waiting.appendleft(chunk)
        else:
            self.tell(ChunkFailed(members_of(chunk), f"{MAX_FAILURES} times, at last {where}: {why}"))

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
        """Let chunks wait for any node again where all those that they waited for are gone."""
        living = {node.id for node in self._cluster.nodes if node.cpus}
        for attempt in [each for each in self._attempts if not each.placed.is_set() and living <= each.avoided]:
            self._give_up(attempt)
            self._waiting.appendleft(attempt.chunk)


def work(job: Job, messages: TextIO) -> int:
    """Do a job. Returns the exit status. Raises HypergraphError."""

    def tell(line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the engine is gone: standard input ends too, and stops us
            messages.buffer.write(line + b"\n")
            messages.flush()

    at_the_end: list[Callable[[], object]] = [lambda: os._exit(STOPPED)]  # Ray may take long to join
    threading.Thread(target=_obey_input, args=(at_the_end,), daemon=True).start()
    with joined(job.address) as head:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the engine decides
        tell(msgspec.json.encode(look(job.device, head)))
        if not job.run:
            return 0
        driver = Driver(RunDirectory.open(Path(job.run)), job, head, tell)
        at_the_end.append(driver.stop)
        driver.train()
        return 0 if all(chunk.trained.exists() for chunk in driver.run.chunks) else STOPPED


def _obey_input(at_the_end: Sequence[Callable[[], object]]) -> None:
    for _ in sys.stdin:
        pass
    at_the_end[-1]()


def _cause(error: Exception) -> str:
    """Why an actor died or what it raised, without the details that Ray adds."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return reason(error.cause)
    return " ".join(line for line in str(error).splitlines() if not line.startswith("\t"))


def main(job: str) -> int:
    """The command. Returns its exit status."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Ray prints goes to the log
    try:
        return work(msgspec.json.decode(job, type=Job), messages)
    except HypergraphError as error:
        messages.buffer.write(msgspec.json.encode(Failed(str(error))) + b"\n")
        messages.flush()
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
