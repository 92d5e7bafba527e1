"""`hypergraph plugins list` shows everything that is installed, working or not."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributions import distribute
from processes import python
from typer.testing import CliRunner, Result

from hypergraph.cli.output import out
from hypergraph.cli.plugins import app

GOOD = """
from hypergraph.interfaces import Task
class Good(Task):
    default_spec = solved_loss = sample = loss = None
"""
PLUGINS = {
    "fine": GOOD,
    "bad": "print('loud')\nraise OSError('no disk')",
    "wrong": "Good = 5",
    "twin": "",
}


@pytest.fixture(autouse=True)
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One distribution per plugin, and another that offers a second `twin`."""
    for name in [*PLUGINS, "other"]:
        metadata = f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.0\nSummary: [/b] {name}\n"
        plugin = "twin" if name == "other" else name
        distribute(tmp_path, f"{name}-dist", f"[hypergraph.tasks]\n{plugin} = fake_{name}:Good\n", metadata=metadata)
        (tmp_path / f"fake_{name}.py").write_text(PLUGINS[plugin])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", ",".join(PLUGINS))
    monkeypatch.setattr(out, "width", 100)
    importlib.invalidate_caches()
    yield
    for name in [*PLUGINS, "other"]:
        sys.modules.pop(f"fake_{name}", None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["list", *arguments])


def test_list_is_a_table_and_imports_no_plugin() -> None:
    result = run()
    assert result.exit_code == 0
    for text in ("kind", "description", "fine-dist", "bad-dist", "other-dist", "1.0", "[/b]"):
        assert text in result.stdout
    assert result.stderr == ""
    assert not [name for name in sys.modules if name.startswith("fake_")]


def test_list_json() -> None:
    result = run("--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [row["name"] for row in rows] == ["bad", "fine", "twin", "twin", "wrong", "local"]
    assert rows[1] == {
        "kind": "task",
        "name": "fine",
        "distribution": "fine-dist",
        "version": "1.0",
        "summary": "[/b] fine",
        "value": "fake_fine:Good",
    }


def test_check_json_says_how_each_plugin_is() -> None:
    result = run("--check", "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [row["status"] for row in rows] == ["broken", "ok", "ambiguous", "ambiguous", "incompatible", "ok"]
    assert "OSError: no disk" in rows[0]["message"]
    assert rows[1]["message"] == ""


def test_check_table_explains_on_stderr() -> None:
    result = run("--check")
    assert result.exit_code == 1
    assert "incompatible" in result.stdout
    assert "error: task 'bad' of bad-dist 1.0 (fake_bad:Good) is broken: OSError: no disk\n" in result.stderr


def test_check_succeeds_where_all_are_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", "fine")
    assert run("--check").exit_code == 0


def test_nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", "")
    assert [row["name"] for row in json.loads(run("--json").stdout)] == ["local"]
    assert run("--check").exit_code == 0


def test_listing_leaves_torch_alone() -> None:
    code = (
        "import sys; from hypergraph.cli.plugins import app; app(['list'], standalone_mode=False);"
        "print({'torch', 'dgl'} & set(sys.modules))"
    )
    assert python(code).endswith("set()\n")
