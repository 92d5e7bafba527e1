"""A new task's project is the one that the guide explains, under any name; what cannot be is refused in one line."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from processes import Command, finished

from hypergraph.errors import FileError
from hypergraph.extensions import scaffold
from hypergraph.extensions.scaffold import TAKEN, new_task
from hypergraph.storage.atomic import write_bytes

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-a-task.md").read_text()


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


@pytest.mark.parametrize("name", ["", "Sum", "my-task", "2d", "class", "a b", "../up", "naïve", "sum_", "_sum"])
def test_names_that_cannot_be_modules(command: Command, tmp_path: Path, name: str) -> None:
    code, _, stderr = command("plugins", "new", "task", name, "--out", tmp_path / "new")
    assert code == 2
    assert "is no name for a task: use small letters" in stderr
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


WORDS = ["none", "true", "task", "tensor", "spec_error", "value_error", "m_l_p_spec", "s_p_e_c", "toolkit"]


@pytest.mark.parametrize("name", WORDS)
def test_names_that_mean_something_else(command: Command, tmp_path: Path, name: str) -> None:
    code, _, stderr = command("plugins", "new", "task", name, "--out", tmp_path / "new")
    assert code == 2
    assert f"try my_{name}" in stderr
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_every_name_that_its_modules_use_is_taken(tmp_path: Path) -> None:
    new_task("fresh", tmp_path)
    for path in (tmp_path / "hypergraph_fresh" / "task.py", tmp_path / "tests" / "test_fresh.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        used = {node.id for node in nodes if isinstance(node, ast.Name)}
        used |= {node.name for node in nodes if isinstance(node, (ast.alias, ast.ClassDef))}
        assert {name for name in used if name[0].isupper()} - TAKEN <= {"Fresh", "FreshClassifier"}


@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def full_disk(path: Path, data: bytes) -> None:
        if path.name == "classifier.py":
            raise FileError("cannot write: No space left on device")
        write_bytes(path, data)

    monkeypatch.setattr(scaffold, "write_bytes", full_disk)
    folder = tmp_path / "new" if there else tmp_path / "new" / "inner"
    if there:
        folder.mkdir()
    with pytest.raises(FileError):
        new_task("sum", folder)
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])


@pytest.mark.parametrize("out", ["file/new", "long" * 100])
def test_a_folder_that_cannot_be(command: Command, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    code, _, stderr = command("plugins", "new", "task", "sum", "--out", tmp_path / out)
    assert code == 1
    assert stderr.startswith("error: cannot write ")
    assert len(stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_it_passes_ruff_as_it_comes(tmp_path: Path) -> None:
    new_task("sorted_sum2", tmp_path)
    ruff = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--extend-select", "I,RUF", ".")
    done = finished(*ruff, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_readme_has_commands_that_there_are(command: Command, tmp_path: Path) -> None:
    new_task("fresh", tmp_path)
    commands = set(re.findall("^    hypergraph (\\w+)", (tmp_path / "README.md").read_text(), re.M))
    assert commands == {"run", "classify", "draw", "figures"}
    for name in commands:
        assert command(name, "--help")[0] == 0


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
    assert "there is a package hypergraph_l1norm already" in stderr
    assert "cd hypergraph-l1norm && pip install -e . && hypergraph run l1norm" in stderr
    assert (tmp_path / "hypergraph-l1norm" / "tests" / "test_l1norm.py").exists()


def test_what_to_do_next_can_be_pasted(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "my [/b] sum"
    code, _, stderr = command("plugins", "new", "task", "fresh", "--out", folder)
    assert (code, len(stderr.splitlines())) == (0, 1)
    assert f"cd '{folder}' && " in stderr
