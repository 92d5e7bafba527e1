"""Writes the pages of the site into build/pages: python docs/pages.py.

They are those of docs/, and others that exist once elsewhere: the README, the changelog, the help of the commands, the
docstrings of the public names, and the code that pages link to.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypergraph

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "pages"
MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
MODULES = (
    "errors",
    "interfaces",
    "spec",
    "weights",
    "export",
    "closed_forms",
    "order_parameters",
    "testing",
    "runs.events",
    "runs.records",
    "engines.base",
    "engines.chunk",
)
"""Those whose other names are public: what the pages import, and what events and the files of a run are made of."""


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of every page."""
    linked: set[str] = set()
    for source in [*MOVED, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]:
        name = MOVED.get(source, Path(source).name)
        yield name, _relinked((ROOT / source).read_text(), Path(source).parent, linked)
    yield "commands.md", _commands()
    yield from _reference()
    yield from map(_code, sorted(linked))


def _relinked(text: str, folder: Path, linked: set[str]) -> str:
    """A page of a folder with its links as they are on the site; `linked` gathers the paths of linked code."""

    def relink(match: re.Match[str]) -> str:
        path, anchor = os.path.normpath(folder / match[1]), match[2] or ""
        if path in MOVED:
            return f"]({MOVED[path]}{anchor})"
        if path.startswith("docs/"):
            return f"]({path.removeprefix('docs/')}{anchor})"
        linked.add(path)
        return f"]({_code_page(path)})"

    return LINK.sub(relink, text)


def _code_page(path: str) -> str:
    return f"code/{path.lstrip('.')}.md"  # the site has no hidden folders


def _code(path: str) -> tuple[str, str]:
    """A page with a file, or with every module of a folder."""
    whole = ROOT / path
    sources = sorted(whole.glob("*.py")) if whole.is_dir() else [whole]
    text = f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n"
    for source in sources:
        heading = f"\n## {source.name}\n" if whole.is_dir() else ""
        text += f"{heading}\n````{source.suffix.removeprefix('.') or 'text'}\n{source.read_text()}````\n"
    return _code_page(path), text


def _commands() -> str:
    """What typer writes of the commands' own help."""
    words = [sys.executable, "-m", "typer", "hypergraph.cli", "utils", "docs", "--name", "hypergraph"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.replace("# `hypergraph`\n", "# Commands\n", 1)


def _reference() -> Iterator[tuple[str, str]]:
    """A page of each public name, of each module, and of all names together."""
    index = "# Python\n\n::: hypergraph\n    options: {members: false, show_root_heading: false}\n\n"
    for name in hypergraph.__all__:
        summary = (getattr(hypergraph, name).__doc__ or "").strip().partition("\n")[0]
        index += f"- [`{name}`]({name}.md): {summary}\n"
        yield f"api/{name}.md", f"::: hypergraph.{name}\n"
    yield "api/index.md", index
    for module in MODULES:
        own = [name for name in hypergraph.__all__ if getattr(hypergraph, name).__module__ == f"hypergraph.{module}"]
        filters = ["!^_", *(f"!^{name}$" for name in own)]
        options = f"{{show_root_full_path: true, filters: {filters}}}"
        yield f"api/{module}.md", f"::: hypergraph.{module}\n    options: {options}\n"


def main() -> None:
    """Write the pages, and what they show beside text."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.py", "*.md", "__pycache__"))
    for name, text in pages():
        path = PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
