"""A new task's project is the one that the guide explains, under any name; what cannot be is refused in one line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hypergraph.scaffold import new_task

GUIDE = (Path(__file__).parents[1] / "docs" / "writing-a-task.md").read_text()
Command = Callable[..., tuple[int, str, str]]


def test_it_is_what_the_guide_explains(tmp_path: Path) -> None:
    new_task("distance", tmp_path)
    blocks = dict(re.findall(r"```(?:toml|python)\n# ([\w./-]+)\n(.*?)```", GUIDE, re.S))
    assert len(blocks) == 5
    for name, text in blocks.items():
        assert (tmp_path / name).read_text() == text


def test_a_name_of_several_words(tmp_path: Path) -> None:
    new_task("sorted_sum2", tmp_path)
    texts = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert "hypergraph_sorted_sum2/py.typed" in texts
    assert 'sorted_sum2 = "hypergraph_sorted_sum2.task:SortedSum2"' in texts["pyproject.toml"]
    for name, text in texts.items():
        assert not re.search("NAME|CLASS", name + text), name
        if name.endswith(".py"):
            ast.parse(text)


@pytest.mark.parametrize("name", ["", "Sum", "my-task", "2d", "class", "a b", "../up", "naïve"])
def test_names_that_cannot_be_modules(command: Command, tmp_path: Path, name: str) -> None:
    code, _, stderr = command("plugins", "new", "task", name, "--out", tmp_path / "new")
    assert code == 2
    assert "is no name for a task: use small letters" in stderr
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_left_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, _, stderr = command("plugins", "new", "task", "sum", "--out", tmp_path)
    assert code == 2
    assert "not empty" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_says_what_to_do_next(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = command("plugins", "new", "task", "l1norm")
    assert (code, stdout) == (0, "")
    assert "there is a task l1norm already" in stderr
    assert "cd hypergraph-l1norm && pip install -e . && hypergraph run l1norm" in stderr
    assert (tmp_path / "hypergraph-l1norm" / "tests" / "test_l1norm.py").exists()
