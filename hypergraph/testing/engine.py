"""Check an engine with small real trainings, to the end, interrupted, failing, and resumed; and with small jobs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
from msgspec import Struct
from torch import Tensor

from hypergraph.engines.base import Engine, TrainingError
from hypergraph.engines.chunk import train_chunk
from hypergraph.errors import BusyError, HypergraphError
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import Chunk, RunDirectory
from hypergraph.runs.events import Diverged, Event, Observer, Stopping, Trained, TrainingEvent, Watched, ignore
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.testing.networks import shared_streams
from hypergraph.torch_state import torch_threads
from hypergraph.training.recipe import Recipe

STEPS = 40
JOBS = 5

Parameters = Sequence[Mapping[str, Tensor]]
"""The parameters of the trained generator of each chunk."""


def check_engine(engine: Engine, folder: Path, task: str) -> None:
    """Check an engine with trainings of an installed task on networks 4,6,1, in a new folder.

    It trains two chunks of 40 steps four times, which takes seconds, plus the time to start workers. And it has a few
    jobs done.
    """
    for name, value in asdict(engine.resources("cpu")).items():
        assert isinstance(value, int), f"resources: {name} must be an int, not {value!r}"
        assert value > 0, f"resources: {name} must be positive, not {value}"
    config = small_config(task)
    with torch_threads(1):
        expected = trained_here(RunDirectory.create(folder / "here", config))
    with torch_threads(2):  # not the number of the run
        _check_training(engine, RunDirectory.create(folder / "whole", config), expected)
        run = RunDirectory.create(folder / "interrupted", config)
        _check_failure(engine, run, _check_interrupt(engine, run))
        _check_resumed(engine, run, expected)
        _check_jobs(engine, run)
        _check_failing_job(engine, run)
        _check_close(engine, run)


def small_config(task: str) -> RunConfig:
    """The configuration of two chunks that train in seconds."""
    recipe = Recipe(steps=STEPS, batch=16)
    return RunConfig(task, (MLPSpec((4, 6, 1)),), 3, 0, "cpu", recipe, chunk_count=2, threads=1)


def trained_here(run: RunDirectory) -> Parameters:
    """Train the chunks of a run in this process, without an engine."""
    with run.lock():
        for chunk in run.chunks:
            train_chunk(run, chunk, ignore, threading.Event())
    return [read_tensors(chunk.trained)[0] for chunk in run.chunks]


def _check_training(engine: Engine, run: RunDirectory, expected: Parameters) -> None:
    events = _trained(engine, run)
    for chunk in run.chunks:
        name, own = _name(chunk), [event for event in events if _is_of(chunk, event)]
        steps = list(map(_step, own))
        assert chunk.trained.exists(), f"{name} must be trained to the end"
        assert steps, f"no event reports {name}"
        assert steps == sorted(steps), f"the steps of {name} must ascend, not {steps}"
        assert own[-1] == Trained(_members(chunk), STEPS), f"the last event of {name} must report its end"
        assert any(isinstance(event, Watched) for event in own), f"no event has metrics of {name}"
        entries = [(entry.members, entry.step, entry.threads) for entry in chunk.read_provenance()]
        right = [(_members(chunk), 0, run.config.threads)]
        assert entries == right, f"the provenance of {name} (members, step, threads) must be {right}, not {entries}"
    _check_parameters(run, expected)
    files = [chunk.trained.stat().st_ino for chunk in run.chunks]
    again = _trained(engine, run)
    untouched = not again and files == [chunk.trained.stat().st_ino for chunk in run.chunks]
    assert untouched, "a chunk that is trained must not be trained again"


def _check_interrupt(engine: Engine, run: RunDirectory) -> Chunk:
    """Check that an interrupt at the first event saves; returns the chunk of that event."""
    events, error = _outcome(engine, run, interrupt=True)
    interrupted = isinstance(error, KeyboardInterrupt)
    assert interrupted, f"train must raise the KeyboardInterrupt that its observer raises, not {error!r}"
    assert Stopping() in events, "train must send Stopping after an interrupt"
    assert not all(chunk.trained.exists() for chunk in run.chunks), "an interrupt must stop the training"
    chunk = next(chunk for chunk in run.chunks if _is_of(chunk, events[0]))
    saved = _saved(chunk)
    assert saved >= _step(events[0]), f"{_name(chunk)} must be saved at an interrupt; the state is of step {saved}"
    return chunk


def _check_failure(engine: Engine, run: RunDirectory, broken: Chunk) -> None:
    """Check a training in which the state of one chunk is broken and the others have a state."""
    for chunk in run.chunks:
        if not chunk.state.exists():
            stop = threading.Event()
            with torch_threads(run.config.threads):
                train_chunk(run, chunk, lambda event: stop.set(), stop)  # noqa: B023, called in this pass of the loop
    state, before = broken.state.read_bytes(), {chunk: _saved(chunk) for chunk in run.chunks}
    broken.state.write_bytes(b"")
    _, error = _outcome(engine, run)
    assert isinstance(error, TrainingError), f"a chunk that fails must raise TrainingError, not {error!r}"
    assert broken.folder.name in str(error), f"a failure must name the members {broken.folder.name}, not {error}"
    broken.state.write_bytes(state)
    for chunk in run.chunks:
        assert _saved(chunk) >= before[chunk], f"{_name(chunk)} must keep the state while another chunk fails"


def _check_resumed(engine: Engine, run: RunDirectory, expected: Parameters) -> None:
    before = {chunk: _saved(chunk) for chunk in run.chunks}
    events = _trained(engine, run)
    _check_parameters(run, expected)
    for chunk, saved in before.items():
        steps = [_step(event) for event in events if _is_of(chunk, event)]
        assert min(steps, default=STEPS) > saved or saved == STEPS, f"{_name(chunk)} must continue from the saved state"


def _check_parameters(run: RunDirectory, expected: Parameters) -> None:
    for chunk, right in zip(run.chunks, expected, strict=True):
        assert chunk.trained.exists(), f"{_name(chunk)} must be trained to the end"
        tensors, _ = read_tensors(chunk.trained)
        same = all(torch.equal(tensor, tensors[name]) for name, tensor in right.items())
        assert same, f"{_name(chunk)} must have the parameters that train_chunk gives in this process"


def _trained(engine: Engine, run: RunDirectory) -> list[Event]:
    """The events of a training that must end well."""
    events, error = _outcome(engine, run)
    if error is not None:
        raise AssertionError(f"train raises {error!r}") from error
    return events


class Question(Struct, frozen=True):
    """A job: what a file has."""

    number: int
    file: Path


class Answer(Struct, frozen=True):
    """What a job found, and the number of torch's threads there."""

    number: int
    content: bytes
    mean: float
    threads: int


UNANSWERED = "nobody knows"
"""The reason that a job tells whose file is empty."""


def answer(question: Question, observe: Observer = ignore) -> Answer:
    """Do the job. Raises HypergraphError where its file is empty."""
    content = question.file.read_bytes()
    if not content:
        raise HypergraphError(UNANSWERED)
    mean = torch.tensor(list(content), dtype=torch.float32).div(3).mean()
    return Answer(question.number, content, float(mean), torch.get_num_threads())


def _questions(run: RunDirectory, empty: bool = False) -> dict[str, Question]:
    """Some jobs; the file of one may be empty."""
    questions = {f"job {number}": Question(number, run.path / f"question{number}.bin") for number in range(JOBS)}
    for question in questions.values():
        fails = empty and question.number == 1
        question.file.write_bytes(b"" if fails else bytes(range(255, 254 - 10 * (question.number + 1), -1)))
    return questions


def _answers(
    engine: Engine, run: RunDirectory, questions: Mapping[str, Question], most: int = JOBS + 1
) -> list[tuple[str, Answer]]:
    """What an engine answers, at most so much of it; checks the side effects."""
    before = _process()
    jobs = closing(engine.map(run, answer, questions, ignore))
    with run.lock(), _silent(run.path / "stdout", "map"), jobs as results:
        found = list(islice(results, most))
    for name, value in _process().items():
        assert value == before[name], f"map must not change the {name} of this process"
    return found


def _check_jobs(engine: Engine, run: RunDirectory) -> None:
    questions = _questions(run)
    with torch_threads(run.config.threads):
        expected = {name: answer(question) for name, question in questions.items()}
    found = _answers(engine, run, questions)
    names = sorted(name for name, _ in found)
    assert names == sorted(questions), f"map must give each of the jobs {sorted(questions)} once, not {names}"
    for name, result in found:
        where = "as in this process with the threads of the run"
        assert result == expected[name], f"{name} must give {expected[name]}, {where}, not {result}"


def _check_failing_job(engine: Engine, run: RunDirectory) -> None:
    told: Exception | None = None
    try:
        _answers(engine, run, _questions(run, empty=True))
    except Exception as error:
        told = error
    assert isinstance(told, HypergraphError), f"a job that fails must raise HypergraphError, not {told!r}"
    assert UNANSWERED in str(told), f"map must tell why a job failed, {UNANSWERED!r}, not {str(told)!r}"


def _check_close(engine: Engine, run: RunDirectory) -> None:
    """Check that jobs may be left undone, and asked for again."""
    found = _answers(engine, run, _questions(run), 1)
    assert len(found) == 1, f"map must give a result when asked for one, not {len(found)}"
    _check_jobs(engine, run)


def _outcome(engine: Engine, run: RunDirectory, interrupt: bool = False) -> tuple[list[Event], BaseException | None]:
    """The events and the error of a training; checks the calls of `observe` and the side effects."""
    observed: list[tuple[Event, int]] = []
    error: BaseException | None = None

    def observe(event: Event) -> None:
        observed.append((event, threading.get_ident()))
        if interrupt and len(observed) == 1:
            raise KeyboardInterrupt

    before = _process()
    with run.lock(), _silent(run.path / "stdout", "train"):
        try:
            engine.train(run, observe)
        except BaseException as raised:
            error = raised
    for name, value in _process().items():
        assert value == before[name], f"train must not change the {name} of this process"
    for event, thread in observed:
        assert isinstance(event, TrainingEvent), f"events must be those of hypergraph.runs.events, not {event!r}"
        assert thread == threading.get_ident(), "observe must be called in the thread that calls train"
    for chunk in run.chunks:
        try:
            with chunk.lock():
                pass
        except BusyError as busy:
            raise AssertionError(f"work on {_name(chunk)} continues after train has ended") from busy
    return [event for event, _ in observed], error


def _process() -> dict[str, object]:
    """The process-wide state."""
    return {
        "threads of torch": torch.get_num_threads(),
        "signal handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
        "current folder": Path.cwd(),
        "random streams": shared_streams(),
    }


@contextmanager
def _silent(path: Path, method: str) -> Iterator[None]:
    """Refuse output on stdout, of this process or of those that it starts, during a method."""
    with path.open("w") as file, redirect_stdout(file):
        before = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(before, 1)
            os.close(before)
    printed = path.read_text()
    assert not printed, f"{method} must write nothing to standard output, not {printed!r}"


def _members(chunk: Chunk) -> tuple[int, int]:
    return chunk.members[0], chunk.members[-1]


def _name(chunk: Chunk) -> str:
    return f"members {chunk.folder.name}"


def _is_of(chunk: Chunk, event: Event) -> bool:
    return isinstance(event, (Trained, Watched, Diverged)) and event.members == _members(chunk)


def _step(event: Event) -> int:
    """The step of an event of a chunk."""
    if isinstance(event, Watched):
        return event.metrics.step
    if isinstance(event, Diverged):
        return event.failure.step
    assert isinstance(event, Trained)
    return event.step


def _saved(chunk: Chunk) -> int:
    """The step of a chunk's saved state, 0 without one."""
    return int(read_tensors(chunk.state)[1]["step"]) if chunk.state.exists() else 0
