"""Where results and messages go: what is broken there, or set for other programs, costs no work and no traceback."""

from __future__ import annotations

import importlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from distributions import Install
from processes import HYPERGRAPH, Command, finished
from rich.table import Table
from rich.text import Text

from hypergraph.analysis import sweep as sweeps
from hypergraph.analysis.sweep import BETA_GRID, sweep
from hypergraph.cli import inspect
from hypergraph.cli.output import out, show
from hypergraph.experiment import run as experiment
from hypergraph.experiment.api import resume
from hypergraph.experiment.streams import MessageStream
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import random_networks

LIBRARY_ERRORS = {
    "import ctypes; ctypes.CDLL('libnothing.so')": "cannot use library: OSError: libnothing.so: cannot open shared",
    "raise OSError(30, 'Read-only file system')": "cannot use library: OSError: [Errno 30] Read-only file system",
    "import nothing": "cannot use library: ModuleNotFoundError: No module named 'nothing'",
    "open('/nothing/here')": "cannot use /nothing/here: No such file or directory",
}
"""What a library does when it is imported, and what is told of it."""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network in a file whose name no encoding knows."""
    path = tmp_path / os.fsdecode("ü\N{GREEK SMALL LETTER BETA}".encode() + b"\xff.safetensors")
    random_networks(MLPSpec((4, 2, 1)), 1)[0].save(path, {"task": "l1norm"})
    return path


@pytest.mark.parametrize(("source", "message"), LIBRARY_ERRORS.items())
def test_a_library_that_cannot_be_used_is_named(
    source: str, message: str, command: Command, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "library.py").write_text(source)
    monkeypatch.setattr(inspect, "_file", lambda *_: importlib.import_module("library"))
    status, stdout, stderr = command("inspect", network)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert stderr.startswith(f"error: {message}")


def test_visualizers_that_are_all_broken_are_named(
    install: Install, command: Command, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", "l1norm,fake")
    install("strange-dist", "raise OSError(30, 'Read-only file system')", kind="visualizer")
    status, _, stderr = command("draw", network, "--out", tmp_path / "x.svg")
    assert (status, stderr.count("\n")) == (1, 1)
    assert "visualizer 'fake' of strange-dist 1.0" in stderr
    assert "is broken: OSError: [Errno 30] Read-only file system" in stderr


@pytest.mark.slow
def test_settings_of_other_programs_change_nothing(network: Path, tmp_path: Path) -> None:
    others = {
        "MPLBACKEND": "module://missing",
        "MPLCONFIGDIR": "/proc/nowhere",
        "DGLBACKEND": "tensorflow",
        "HOME": "/proc/nowhere",
        "TERMINAL_WIDTH": "wide",
        "COLUMNS": "0",
        "PYTHONWARNINGS": "error",
    }
    picture = tmp_path / "x.svg"
    done = finished(*HYPERGRAPH, "draw", network, "--layout", "layered", "--out", picture, env=others)
    assert (done.returncode, done.stderr) == (0, f"drew {picture}\n")
    done = finished(*HYPERGRAPH, "--help", env=others)
    assert (done.returncode, done.stderr) == (0, "")


def closed_pipe() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


def closed_terminal() -> int:
    ours, theirs = pty.openpty()
    os.close(ours)
    return theirs


@pytest.mark.parametrize("make", [closed_pipe, closed_terminal, lambda: os.open("/dev/full", os.O_WRONLY)])
def test_a_stream_of_messages_goes_silent(make: Callable[[], int]) -> None:
    with open(make(), "w") as file:  # closing it raises no error either
        stream = MessageStream(file)
        for _ in range(3):
            assert stream.write("x" * 10_000) == 10_000
            stream.flush()


def test_nobody_need_watch_a_run(copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one of a command nor one from Python."""
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::15]))
    monkeypatch.setattr(experiment, "NAMES", [])
    with open(closed_pipe(), "w", buffering=1) as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert resume(copied).networks
    with open(closed_pipe(), "w", buffering=1) as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        status, stdout, _ = command("run", "l1norm", "--resume", "--out", copied, "--json")
    assert (status, json.loads(stdout)["task"]) == (0, "l1norm")


def test_the_exit_status_is_that_of_the_work(tmp_path: Path) -> None:
    words = [*HYPERGRAPH, "plugins", "new", "task", "fake", "--out"]
    dead = closed_pipe()
    assert subprocess.run([*words, str(tmp_path / "piped")], stderr=dead).returncode == 0
    assert subprocess.run([*words, str(tmp_path / "piped")], stderr=dead).returncode == 2  # it exists
    os.close(dead)
    assert finished("sh", "-c", '"$@" 2>&-', "sh", *words, tmp_path / "closed").returncode == 0
    assert (tmp_path / "closed").is_dir()


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def table() -> Table:
    table = Table("file", "value", box=None)
    table.add_row("a/long/" * 20 + "name", Text("two words"))
    table.add_row("short", Text("one"))
    return table


def test_a_row_is_one_line_of_a_pipe(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(out, "file", pipe)
    show(table)
    rows = [re.split("  +", line.strip()) for line in pipe.getvalue().splitlines()]
    assert rows == [["file", "value"], ["a/long/" * 20 + "name", "two words"], ["short", "one"]]


def test_no_column_vanishes_on_a_narrow_terminal(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(out, "file", terminal)
    monkeypatch.setattr(out, "width", 30)
    show(table)
    assert terminal.getvalue().startswith(f"file: {'a/long/' * 20}name\nvalue: two words\n\nfile: short\n")


def test_a_name_that_is_no_text_is_read_and_told(command: Command, network: Path, tmp_path: Path) -> None:
    (row,) = json.loads(command("classify", network, "--json")[1])
    facts = json.loads(command("inspect", network, "--json")[1])
    assert row["file"] == facts["network"] == str(network)
    picture = network.with_suffix(".svg")
    assert command("draw", network, "--layout", "layered", "--out", picture)[0] == 0
    assert picture.exists()


@pytest.mark.slow
def test_ascii_is_enough(network: Path) -> None:
    done = finished(*HYPERGRAPH, "classify", network, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "/\\xfc\\u03b2?.safetensors  l1norm" in done.stdout


def test_a_current_folder_that_was_deleted_is_told(
    command: Command, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    status, stdout, stderr = command("inspect", network)
    monkeypatch.chdir(tmp_path)
    assert (status, stdout) == (1, "")
    assert stderr == "error: the current folder was deleted: change to another\n"
