"""The documentation is whole: pages, links, and a docstring for every public name. `make site` builds it."""

import importlib
import inspect
import re
import runpy
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

import hypergraph

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
WRAPPED = property, classmethod, staticmethod, cached_property
SCRIPT = runpy.run_path(str(DOCS / "pages.py"))


@cache
def pages() -> dict[str, str]:
    """The text of each page of the site by its name."""
    return dict(SCRIPT["pages"]())


def anchors(text: str) -> set[str]:
    """Those of the headings, as code hosts and the site name them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> Iterator[tuple[str, str]]:
    """The path and the anchor of each relative link, outside code."""
    yield from LINK.findall(re.sub(r"^(```+).*?^\1$", "", text, flags=re.M | re.S))


def test_links_between_files_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for path, anchor in links(page.read_text()):
            target = page.parent / path if path else page
            assert target.exists(), f"{page.name} links to {path}"
            assert not anchor or anchor in anchors(target.read_text()), f"{page.name} links to {path}#{anchor}"


def test_links_between_pages_lead_somewhere() -> None:
    for name, text in pages().items():
        for path, _ in links(text):
            target = (Path(name).parent / path).as_posix()
            assert target in pages() or (DOCS / target).is_file() or not path, f"{name} links to {path}"


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w/.-]+\.md$", (ROOT / "docs" / "mkdocs.yml").read_text(), re.M)
    assert sorted(listed) == sorted(name for name in pages() if not name.startswith("code/"))


def test_every_public_name_and_command_has_a_page() -> None:
    assert {f"api/{name}.md" for name in hypergraph.__all__} <= pages().keys()
    assert "## `hypergraph plugins`" in pages()["commands.md"]


def public(owner: Any) -> Iterator[str]:
    """What a module or a class defines under a public name: classes, functions, methods and properties."""
    for name, value in vars(owner).items():
        kinds = inspect.isclass(value) or inspect.isfunction(value) or isinstance(value, WRAPPED)
        if kinds and not name.startswith("_") and getattr(value, "__module__", "hypergraph").startswith("hypergraph"):
            yield name


@pytest.mark.parametrize("module", ["hypergraph", *(f"hypergraph.{name}" for name in SCRIPT["MODULES"])])
def test_public_names_have_docstrings(module: str) -> None:
    shown = importlib.import_module(module)
    for name in hypergraph.__all__ if shown is hypergraph else public(shown):
        value = getattr(shown, name)
        assert inspect.getdoc(value), f"{name} has no docstring"
        for member in public(value) if inspect.isclass(value) else ():
            assert inspect.getdoc(getattr(value, member)), f"{name}.{member} has no docstring"


def test_docstrings_are_markdown() -> None:
    for path in [*ROOT.glob("hypergraph/**/*.py"), *ROOT.glob("tasks/**/*.py"), *ROOT.glob("plugins/**/*.py")]:
        assert not re.search(r":[a-z]+:`", path.read_text()), f"{path} has a role of Sphinx: write `name`"
