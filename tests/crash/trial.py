"""A real run, killed once and resumed: does it end as the run that was never interrupted?"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from processes import HYPERGRAPH, Running

from hypergraph.engines.local import LocalEngine
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import ignore
from hypergraph.storage.tensors import read_tensors

HOOK = Path(__file__).parent / "hook"
KINDS = ("worker in a call", "run in a call", "worker", "run", "all")
"""Who is killed: in one of its calls that change the file system, or anywhere."""
WORDS = ("--layers", "4,8,1", "--members", "2", "--steps", "30", "--seed", "3")


@dataclass(frozen=True)
class Reference:
    """A run that nobody interrupted.

    Attributes:
        folder: where it is.
        stdout, stderr: what it printed.
        seconds: how long it took.
        moments: calls of a process that changed the file system, by role.
        calls: those of all functions, by role.
    """

    folder: Path
    stdout: str
    stderr: str
    seconds: float
    moments: Mapping[str, int]
    calls: Mapping[str, int]


def reference(folder: Path) -> Reference:
    """Make one, and count."""
    started = time.monotonic()
    counts = folder.parent / "moments"
    done = start(folder, {"CRASH_ROLE": "all", "CRASH_COUNT": str(counts), "COLUMNS": "150"}).end()
    assert done.returncode == 0, done.stderr
    seconds = time.monotonic() - started
    counted = {role: list(map(int, counts.with_suffix(f".{role}").read_text().split())) for role in ("run", "worker")}
    moments, calls = ({role: both[n] for role, both in counted.items()} for n in range(2))
    return Reference(folder, done.stdout, done.stderr, seconds, moments, calls)


def killed(folder: Path, whole: Reference, kind: str, rng: random.Random) -> bool:
    """Start a run and kill it. Returns False where it ended before, for no two take exactly as many calls."""
    role, _, call = kind.partition(" ")
    if call:
        at, share = rng.randrange(whole.moments[role]), rng.random()
        done = start(folder, {"CRASH_ROLE": role, "CRASH_AT": str(at), "CRASH_SHARE": str(share)}).end()
        return done.returncode != 0
    stopped = rng.choice(("run", "worker")) if role == "all" else role
    command = start(folder, {"CRASH_ROLE": stopped, "CRASH_CALL": str(rng.randrange(whole.calls[stopped]))})
    main = psutil.Process(command.process.pid)
    while command.process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker has just ended
            processes = [main, *command.workers]
            suspended = [process for process in processes if process.status() == psutil.STATUS_STOPPED]
            for victim in processes if role == "all" and suspended else suspended:
                victim.kill()
        time.sleep(0.01)
    return command.end().returncode != 0  # with the process, while workers that outlive it are still at work


def resumed(folder: Path) -> None:
    """Go on to the end; from the beginning where the run was killed before it was one."""
    done = start(folder, {}, *(["--resume"] if (folder / "config.json").exists() else WORDS)).end()
    assert done.returncode == 0, done.stderr


def start(folder: Path, environment: Mapping[str, str], *words: str) -> Running:
    """The command in a process of its own, under the hook where the environment says so."""
    hooked = {**os.environ, "PYTHONPATH": str(HOOK), **environment}
    return Running(*HYPERGRAPH, "run", "l1norm", "--out", folder, *(words or WORDS), env=hooked)


def damage(folder: Path) -> list[str]:
    """The files of a killed run that cannot be read whole, half-written ones aside that nothing ever reads."""
    return [str(path) for path in folder.rglob("*") if not (path.name.endswith(".partial") or _whole(path))]


def _whole(path: Path) -> bool:
    try:
        if path.suffix == ".safetensors":
            read_tensors(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            assert path.read_text()[-1:] in ("", "\n")
            list(map(json.loads, path.read_text().splitlines()))
    except Exception:
        return False
    return True


def differences(whole: Path, folder: Path) -> list[str]:
    """The files that are not the same, byte for byte, clocks and logs aside."""
    expected, found = _contents(whole), _contents(folder)
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def ends_as_here(run: RunDirectory) -> bool:
    """Whether a training on a cluster left the files of one with the local engine, which is made once beside it."""
    path = run.path.with_name("here")
    expected = RunDirectory.open(path) if path.exists() else RunDirectory.create(path, run.config)
    with expected.lock():
        LocalEngine().train(expected, ignore)
    wrong = differences(expected.path, run.path)
    print(", ".join(wrong) or "every file of the training is the same", flush=True)
    return not wrong


def _contents(folder: Path) -> dict[str, object]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", "log.txt", "ray.txt")]
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> object:
    if path.name == "metrics.jsonl":
        return [_without("time", json.loads(line)) for line in path.read_text().splitlines()]
    if path.name == "result.json":
        return _without("analysis_seconds", json.loads(path.read_text()))
    return path.read_bytes()


def _without(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}
