"""What the code base promises about itself: who may import whom, what a help text may cost, and what is never used."""

import ast
import graphlib
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from processes import python

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "hypergraph").rglob("*.py"))
SHIPPED = [*CORE, *sorted((ROOT / "tasks").rglob("*.py")), *sorted((ROOT / "plugins").rglob("*.py"))]
LAYERS = [
    ["errors", "rng", "torch_state", "order_parameters"],
    ["storage"],
    ["spec"],
    ["closed_forms"],
    ["graph", "weights", "foreign"],
    ["model", "export"],
    ["interfaces"],
    ["extensions"],
    ["training", "programs"],
    ["runs"],
    ["discovery"],
    ["analysis"],
    ["engines", "figures", "report"],
    ["experiment"],
    ["cli", "testing"],
    ["__main__"],
]
"""Imports run downward only: from a later row to an earlier one, or within a row."""


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    return imports_of(ast.parse(path.read_text()))


def imports_of(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def level(module: str) -> int:
    part = module.split(".")[1]
    return next(n for n, row in enumerate(LAYERS) if part in row)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_downward_and_no_plugin(path: Path) -> None:
    if path == ROOT / "hypergraph" / "__init__.py":
        return
    own = level(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for module in imports(path):
        assert not module.startswith("hypergraph_"), f"core imports the plugin {module}"
        if module.startswith("hypergraph."):
            assert level(module) <= own, f"{module} is above {path.name}"


def names(path: Path) -> set[str]:
    """What a file defines, refers to by a bare name, or writes as a text that is no docstring."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            found |= set(re.split(r"\W+|_", node.value))
    return found


def test_core_names_no_task() -> None:
    tasks = {folder.name.removeprefix("hypergraph_") for folder in (ROOT / "tasks").iterdir() if folder.is_dir()}
    assert "l1norm" in tasks
    for path in CORE:
        assert not tasks & names(path), f"{path} names a task"
        assert "l1norm" not in path.read_text().lower(), f"{path} names l1norm"


def test_nothing_imports_the_command_line() -> None:
    for path in CORE:
        if "cli" not in path.parts and path.name != "__main__.py":
            assert not any(name.startswith("hypergraph.cli") for name in imports(path)), path


def test_modules_import_each_other_in_no_circle() -> None:
    """Imports that only a type checker sees aside."""
    modules = {module_of(path): path for path in CORE if path != ROOT / "hypergraph" / "__init__.py"}
    graph = {
        name: {each for each in run_imports(path) & modules.keys() if each != name} for name, path in modules.items()
    }
    assert list(graphlib.TopologicalSorter(graph).static_order())


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def run_imports(path: Path) -> set[str]:
    """What a module imports when it is imported itself."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not isinstance(node, (ast.If, ast.FunctionDef, ast.ClassDef))]
    return imports_of(tree)


def test_the_code_stays_small() -> None:
    """Rooms at the top, modules of the command line, and functions; a command's list of options aside."""
    assert len(list((ROOT / "hypergraph").glob("*.py"))) <= 12
    for path in (ROOT / "hypergraph" / "cli").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 120, path
    lengths = {f"{path}:{node.lineno}": length(node) for path in CORE for node in functions(path)}
    assert max(lengths.values()) <= 60, max(lengths, key=lambda name: lengths[name])
    assert sorted(lengths.values())[len(lengths) * 9 // 10] <= 20


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def length(node: ast.FunctionDef) -> int:
    """Lines of a function; of a command, which typer calls with its options, those of its body."""
    command = any("typer" in ast.unparse(default.annotation) for default in node.args.args if default.annotation)
    return (node.end_lineno or 0) - (node.body[0].lineno if command else node.lineno) + 1


def test_only_graph_imports_dgl() -> None:
    users = [path for path in SHIPPED if any(name.split(".")[0] == "dgl" for name in imports(path))]
    assert users == [ROOT / "hypergraph" / "graph" / "__init__.py"]


@pytest.mark.parametrize("forbidden", ["pickle", "torch.load", "torch.save", "eval(", "exec(", "joblib", "marshal"])
def test_nothing_is_pickled_or_evaluated(forbidden: str) -> None:
    for path in SHIPPED:
        assert forbidden not in path.read_text(), f"{path} uses {forbidden}"


def test_help_imports_no_library_but_those_that_print() -> None:
    code = (
        "import sys; sys.argv = ['hypergraph', '--help']\n"
        "from hypergraph.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'dgl', 'matplotlib', 'msgspec', 'importlib_metadata', 'pydantic'} & set(sys.modules)"
    )
    assert "Usage: hypergraph" in python(code)


@pytest.mark.slow
def test_generating_imports_torch_alone_of_the_large_libraries() -> None:
    code = (
        "import sys, torch; own = set(sys.modules)\n"
        "import hypergraph; hypergraph.generate('l1norm/memorised', 1e-8)\n"
        "print(*(name for name in set(sys.modules) - own if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    imported = python(code).split()
    small = {"importlib_metadata", "lazy_importer", "msgspec", "psutil", "safetensors", "zipp"}
    assert {name.partition(".")[0] for name in imported} <= small | {"hypergraph", "torch"}
    assert not {name for name in imported if name.startswith(("torch._dynamo", "torch.distributed", "torch._inductor"))}


def test_the_oldest_dependencies_that_are_tested_are_the_oldest_admitted() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = declared["project"]["optional-dependencies"]
    lines = [*declared["build-system"]["requires"], *declared["project"]["dependencies"]]
    lines += [line for extra, more in extras.items() if extra != "docs" for line in more]
    oldest = {"python_version": "3.10", "sys_platform": "linux", "platform_machine": "x86_64"}
    admitted = [Requirement(line) for line in lines if not line.startswith("hypergraph-toolkit")]
    bounds = {(one.name, bound(one, ">=")) for one in admitted if not one.marker or one.marker.evaluate(oldest)}
    pins = [Requirement(line) for line in (ROOT / "tests/oldest.txt").read_text().splitlines() if line[0] != "#"]
    assert {(pin.name, bound(pin, "==")) for pin in pins} == bounds


def bound(requirement: Requirement, operator: str) -> Version:
    (version,) = (one.version for one in requirement.specifier if one.operator == operator)
    return Version(version)
