"""What all tests share: `oracle` and `strategies` can be imported, one thread, one reproducible hypothesis profile.

And for those that go through the command line: a command in this process, and a small run that is made once.
"""

import contextlib
import dataclasses
import fcntl
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from hypergraph.analysis import baseline
from hypergraph.cli import main
from hypergraph.extensions import registry
from hypergraph.training.baseline import train_directly

sys.path.append(str(Path(__file__).parent))
from crash.trial import Reference, reference

torch.set_num_threads(1)
settings.register_profile("reproducible", deadline=None, derandomize=True, print_blob=True, max_examples=25)
settings.load_profile("reproducible")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `hypergraph ...` in this process: exit status, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hypergraph", *map(str, words)])
        with _descriptor(1), pytest.raises(SystemExit) as end:
            main()
        printed = capfd.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return call


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
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that installs a distribution of one plugin, the class Good of a module of that source."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_hung", set())
    registry.warn_skipped.cache_clear()

    def install(
        dist: str, source: str, *, name: str = "fake", kind: str = "task", value: str = "{module}:Good", **files: str
    ) -> None:
        module = dist.lower().replace("-", "_") + "_module"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        entry = f"[hypergraph.{kind}s]\n{name} = {value.format(module=module)}\n"
        metadata = f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\nSummary: About {dist}\n"
        (info / "entry_points.txt").write_text(files.get("entry_points", entry))
        (info / "METADATA").write_text(files.get("metadata", metadata))
        importlib.invalidate_caches()

    yield install
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A small run made by the real command in a process of its own.

    It is not to be changed: processes that share the tests share it.
    """
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


@pytest.fixture
def brief_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the figure of the baseline train for a few steps only."""
    monkeypatch.setattr(baseline, "train_directly", partial(train_directly, steps=20))
