"""The checks of an engine pass on the local one and on that of the guide, and catch what an author may get wrong."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import types
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from hypergraph.engines.base import Engine, Resources, TrainingError
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError, HypergraphError
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Event, Observer, Stopping, Trained, Watched, ignore
from hypergraph.testing import check_engine
from hypergraph.testing import engine as checks

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-an-engine.md").read_text()
BRIEF = 8
"""Steps with which wrong engines are found out."""
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", GUIDE, re.S))


def module(name: str) -> types.ModuleType:
    """A file of the guide, as a module."""
    made = types.ModuleType(name)
    exec(FILES[name], vars(made))
    return made


ThreadEngine: Any = module("hypergraph_thread").ThreadEngine


@pytest.mark.slow
def test_the_local_engine_passes(tmp_path: Path) -> None:
    check_engine(LocalEngine(), tmp_path, "l1norm")


@pytest.mark.slow
def test_the_engine_of_the_guide_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypergraph_thread", module("hypergraph_thread"))
    module("test_thread").test_the_engine_keeps_its_promises(tmp_path)


class Told(ThreadEngine):
    """Changes what is told."""

    def change(self, event: Event, observe: Observer) -> None:
        observe(event)

    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(run, lambda event: self.change(event, observe))


class Penniless(ThreadEngine):
    def resources(self, device: str) -> Resources:
        return Resources(0, 1, 1)


class Vague(ThreadEngine):
    def resources(self, device: str) -> Resources:
        return Resources(1, 1, 1e9)  # type: ignore[arg-type]


class Full(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        raise OSError("no space left")


class Lazy(ThreadEngine):
    """Trains the first chunk only."""

    def train(self, run: RunDirectory, observe: Observer) -> None:
        chunks, run.chunks = run.chunks, run.chunks[:1]
        super().train(run, observe)
        run.chunks = chunks


class OtherSeed(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(RunDirectory(run.path, replace(run.config, seed=1)), observe)


class OtherThreads(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(RunDirectory(run.path, replace(run.config, threads=2)), observe)


class Untyped(Told):
    def change(self, event: Event, observe: Observer) -> None:
        observe({"event": event})  # type: ignore[arg-type]


class OtherThread(Told):
    def change(self, event: Event, observe: Observer) -> None:
        thread = threading.Thread(target=observe, args=(event,))
        thread.start()
        thread.join()


class Backwards(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        events: list[Event] = []
        super().train(run, events.append)
        for event in reversed(events):
            observe(event)


class Silent(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(run, ignore)


class EndsUntold(Told):
    def change(self, event: Event, observe: Observer) -> None:
        if not isinstance(event, Trained):
            observe(event)


class Unwatched(Told):
    def change(self, event: Event, observe: Observer) -> None:
        if not isinstance(event, Watched):
            observe(event)


class Again(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        for chunk in run.chunks:
            chunk.trained.unlink(missing_ok=True)
        super().train(run, observe)


class Nowhere(ThreadEngine):
    """Loses where the work was done."""

    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(run, observe)
        for chunk in run.chunks:
            chunk.provenance.unlink(missing_ok=True)


class Ending(ThreadEngine):
    """Ends in a way of its own where it is interrupted."""

    def end(self, run: RunDirectory) -> None:
        raise NotImplementedError

    def train(self, run: RunDirectory, observe: Observer) -> None:
        try:
            super().train(run, observe)
        except KeyboardInterrupt:
            self.end(run)
            raise


class Swallowing(ThreadEngine):
    def train(self, run: RunDirectory, observe: Observer) -> None:
        try:
            super().train(run, observe)
        except KeyboardInterrupt:
            return


class Abrupt(Told):
    def change(self, event: Event, observe: Observer) -> None:
        if not isinstance(event, Stopping):
            observe(event)


class Deaf(ThreadEngine):
    """Hears of an interrupt at the end."""

    def train(self, run: RunDirectory, observe: Observer) -> None:
        errors: list[BaseException] = []

        def listen(event: Event) -> None:
            try:
                observe(event)
            except KeyboardInterrupt as error:
                errors.append(error)
                observe(Stopping())

        super().train(run, listen)
        for error in errors:
            raise error


class Forgetful(Ending):
    def end(self, run: RunDirectory) -> None:
        for chunk in run.chunks:
            chunk.state.unlink(missing_ok=True)


class Lingering(Ending):
    """Goes on in the background."""

    def end(self, run: RunDirectory) -> None:
        self.held = run.chunks[1].lock()
        self.held.__enter__()


class Failing(ThreadEngine):
    """Fails in a way of its own."""

    def fail(self, run: RunDirectory, error: TrainingError) -> Exception:
        raise NotImplementedError

    def train(self, run: RunDirectory, observe: Observer) -> None:
        try:
            super().train(run, observe)
        except TrainingError as error:
            raise self.fail(run, error) from error


class OtherError(Failing):
    def fail(self, run: RunDirectory, error: TrainingError) -> Exception:
        return FileError(str(error))


class Nameless(Failing):
    def fail(self, run: RunDirectory, error: TrainingError) -> Exception:
        return TrainingError(Chunk(run.path, range(7, 9)), "something went wrong")


class Spreading(ThreadEngine):
    """Where a chunk fails, the next one loses its state."""

    def train(self, run: RunDirectory, observe: Observer) -> None:
        try:
            super().train(run, observe)
        except TrainingError:
            run.chunks[1].state.unlink()
            raise


class FromTheStart(ThreadEngine):
    """Throws away what was saved, where all of it can be read."""

    def train(self, run: RunDirectory, observe: Observer) -> None:
        states = [chunk.state for chunk in run.chunks if chunk.state.exists() and not chunk.trained.exists()]
        if all(state.stat().st_size for state in states):
            for state in states:
                state.unlink()
        super().train(run, observe)


class Leaving(ThreadEngine):
    """Changes something of the process."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self.change = change

    def train(self, run: RunDirectory, observe: Observer) -> None:
        super().train(run, observe)
        self.change()


def write() -> None:
    os.write(1, b"to the descriptor")


Results = Generator[tuple[str, Any]]


class ChangingJobs(ThreadEngine):
    """Does something with the results of jobs."""

    def map(self, run: RunDirectory, function: Any, jobs: Any, observe: Observer) -> Results:
        yield from self.change(list(super().map(run, function, jobs, observe)))

    def change(self, results: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        raise NotImplementedError


class Skipping(ChangingJobs):
    def change(self, results: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return results[:-1]


class Doubling(ChangingJobs):
    def change(self, results: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [results[0], *results]


class Crossing(ChangingJobs):
    """Gives each name the result of another job."""

    def change(self, results: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        names, found = zip(*results, strict=True)
        return list(zip(names, reversed(found), strict=True))


class WithItsOwnThreads(ThreadEngine):
    def map(self, run: RunDirectory, function: Any, jobs: Any, observe: Observer) -> Results:
        yield from ((name, function(job, observe)) for name, job in jobs.items())


class FailingJobs(ThreadEngine):
    """Does something with the error of a job."""

    def __init__(self, fail: Callable[[Exception], object]) -> None:
        self.fail = fail

    def map(self, run: RunDirectory, function: Any, jobs: Any, observe: Observer) -> Results:
        try:
            yield from super().map(run, function, jobs, observe)
        except HypergraphError as error:
            self.fail(error)


def raising(kind: type[Exception]) -> Callable[[Exception], object]:
    def fail(error: Exception) -> object:
        raise kind("somewhere")

    return fail


class Spent(ThreadEngine):
    """Does no more jobs once some were left undone."""

    undone = False

    def map(self, run: RunDirectory, function: Any, jobs: Any, observe: Observer) -> Results:
        try:
            yield from () if self.undone else super().map(run, function, jobs, observe)
        except GeneratorExit:
            self.undone = True


class LeavingJobs(ThreadEngine):
    """Changes something of the process after jobs."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self.change = change

    def map(self, run: RunDirectory, function: Any, jobs: Any, observe: Observer) -> Results:
        yield from super().map(run, function, jobs, observe)
        self.change()


WRONG: list[tuple[Callable[[], Engine], str]] = [
    (Penniless, "workers must be positive, not 0"),
    (Vague, "memory must be an int, not 1000000000.0"),
    (Full, "train raises OSError.'no space left'"),
    (Lazy, "members 1-2 must be trained to the end"),
    (OtherSeed, "members 0-0 must have the parameters that train_chunk gives"),
    (OtherThreads, r"the provenance of members 0-0 .* must be \[\(\(0, 0\), 0, 1\)\], not \[\(\(0, 0\), 0, 2\)\]"),
    (Untyped, "events must be those of hypergraph.runs.events, not {"),
    (OtherThread, "observe must be called in the thread that calls train"),
    (Silent, "no event reports members 0-0"),
    (Backwards, "the steps of members 0-0 must ascend"),
    (EndsUntold, "the last event of members 0-0 must report its end"),
    (Unwatched, "no event has metrics of members 0-0"),
    (Again, "a chunk that is trained must not be trained again"),
    (Nowhere, r"the provenance of members 0-0 .*, not \[\]"),
    (Swallowing, "must raise the KeyboardInterrupt that its observer raises, not None"),
    (Abrupt, "train must send Stopping after an interrupt"),
    (Deaf, "an interrupt must stop the training"),
    (Forgetful, "members 0-0 must be saved at an interrupt; the state is of step 0"),
    (Lingering, "work on members 1-2 continues after train has ended"),
    (OtherError, "a chunk that fails must raise TrainingError, not FileError"),
    (Nameless, "a failure must name the members 0-0, not training of members 7-8"),
    (Spreading, "must keep the state while another chunk fails"),
    (FromTheStart, "must continue from the saved state"),
    (lambda: Leaving(lambda: torch.set_num_threads(5)), "not change the threads of torch of this process"),
    (
        lambda: Leaving(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)),
        "not change the signal handlers",
    ),
    (lambda: Leaving(lambda: os.environ.update(CHANGED="1")), "not change the environment of this process"),
    (lambda: Leaving(lambda: os.chdir("/")), "not change the current folder of this process"),
    (lambda: Leaving(lambda: torch.rand(1)), "not change the random streams of this process"),
    (lambda: Leaving(lambda: print("loud")), r"nothing to standard output, not 'loud\\n'"),
    (lambda: Leaving(write), "train must write nothing to standard output, not 'to the descriptor'"),
    (Skipping, "map must give each of the jobs .* once, not"),
    (Doubling, "map must give each of the jobs .* once, not .*'job 0', 'job 0'"),
    (Crossing, r"job 0 must give Answer\(number=0, .*, not Answer\(number=4"),
    (WithItsOwnThreads, "as in this process with the threads of the run, not .*threads=2"),
    (lambda: FailingJobs(id), "a job that fails must raise HypergraphError, not None"),
    (lambda: FailingJobs(raising(OSError)), "a job that fails must raise HypergraphError, not OSError"),
    (lambda: FailingJobs(raising(HypergraphError)), "map must tell why a job failed, 'nobody knows', not 'somewhere'"),
    (Spent, "map must give each of the jobs .* once, not .]"),
    (lambda: LeavingJobs(lambda: os.environ.update(CHANGED="1")), "map must not change the environment"),
    (lambda: LeavingJobs(write), "map must write nothing to standard output, not 'to the descriptor'"),
]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is trained in this process, once for all of the wrong engines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "STEPS", BRIEF)
        config = checks.small_config("l1norm")
    return checks.trained_here(RunDirectory.create(tmp_path_factory.mktemp("here") / "run", config))


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch, expected: Any) -> Iterator[None]:
    """Trainings of a few steps, and what an engine changes of this process is put right."""
    monkeypatch.setattr(checks, "STEPS", BRIEF)
    monkeypatch.setattr(checks, "trained_here", lambda run: expected)
    handler, environment, folder = signal.getsignal(signal.SIGTERM), dict(os.environ), Path.cwd()
    yield
    signal.signal(signal.SIGTERM, handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_wrong_engine_is_told_what_is_wrong(make: Callable[[], Engine], message: str, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    with pytest.raises(AssertionError, match=message):
        check_engine(make(), tmp_path, "l1norm")
    assert torch.get_num_threads() == threads
