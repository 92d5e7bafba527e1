"""What all tests share: `oracle` and `strategies` can be imported, one thread, one reproducible hypothesis profile.

And for those that go through the command line: a command in this process, and a small run that is made once.
What takes long to import is imported where it is needed: a process that only gives out tests imports this file, too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

sys.path.append(str(Path(__file__).parent))
from distributions import Install, distribute
from processes import HYPERGRAPH, Command, Running

if TYPE_CHECKING:
    from crash.trial import Reference

if find_spec("dgl") is None:  # the oracle passes messages on it
    collect_ignore = ["model/test_agreement.py", "test_weights.py", "benchmarks"]
settings.register_profile(
    "reproducible",
    deadline=None,  # no test depends on the clock
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    print_blob=True,
    max_examples=25,
)
settings.load_profile("reproducible")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what goes through a real run as slow; let torch use one thread, and spare what is imported by now the GC."""
    import torch

    torch.set_num_threads(1)
    gc.freeze()
    for item in items:
        if isinstance(item, pytest.Function) and {"whole", "started"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `hypergraph ...` in this process: exit status, stdout, stderr."""
    from hypergraph.cli import main

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hypergraph", *map(str, words)])
        with _descriptor(1), pytest.raises(SystemExit) as end:
            main()
        printed = capfd.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def started() -> Iterator[Callable[..., Running]]:
    """Start `hypergraph ...` in a process of its own; what still runs at the end of the test is killed."""
    commands: list[Running] = []

    def start(*words: object) -> Running:
        commands.append(Running(*HYPERGRAPH, *words))
        return commands[-1]

    yield start
    for command in commands:
        command.kill()


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process make no report, which takes a second; those in processes of their own do."""
    from hypergraph.experiment import run as experiment

    monkeypatch.setattr(experiment, "report_if_possible", lambda run: None)


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process draw a single figure: what the other ten take is not what the test is about."""
    from hypergraph.experiment import run as experiment

    monkeypatch.setattr(experiment, "NAMES", ["algorithms"])


@contextlib.contextmanager
def _descriptor(number: int) -> Iterator[None]:
    """Give a descriptor back, which a command takes for as long as its process lasts."""
    before = os.dup(number)
    try:
        yield
    finally:
        os.dup2(before, number)
        os.close(before)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install distributions of one plugin each, for this process and those that it starts."""
    from hypergraph.extensions import registry

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(registry, "_hung", set())
    registry.warn_skipped.cache_clear()

    def install(
        dist: str, source: str, *, name: str = "fake", kind: str = "task", value: str = "{module}:Good", **files: str
    ) -> None:
        module = dist.lower().replace("-", "_") + "_module"
        (tmp_path / f"{module}.py").write_text(source)
        entry = f"[hypergraph.{kind}s]\n{name} = {value.format(module=module)}\n"
        distribute(tmp_path, dist, files.get("entry_points", entry), metadata=files.get("metadata"))

    yield install
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A small run made by the real command in a process of its own.

    It is not to be changed: processes that share the tests share it.
    """
    from crash.trial import Reference, reference

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "run"
    folder.mkdir(exist_ok=True)
    with (folder / "made").open("a+") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        made.seek(0)
        told = made.read()
        if not told:
            told = json.dumps(dataclasses.asdict(reference(folder / "l1")), default=str)
            made.write(told)
    fields = json.loads(told)
    return Reference(**{**fields, "folder": Path(fields["folder"])})


@pytest.fixture(scope="session")
def run(whole: Reference) -> tuple[Path, str, str]:
    """That run: folder, stdout, stderr."""
    return whole.folder, whole.stdout, whole.stderr


@pytest.fixture
def copied(run: tuple[Path, str, str], tmp_path: Path) -> Path:
    """That run's folder, to be changed: by deleting and replacing files, as all that is written here does."""
    folder = tmp_path / "copied"
    shutil.copytree(run[0], folder, copy_function=os.link, ignore=shutil.ignore_patterns("lock"))
    return folder
