"""A wheel built from the tree works in a clean environment, plugins included, and brings nothing else along."""

import os
import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from processes import finished

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent

PROBE = """
import importlib.util, json, pathlib, sys
import hypergraph, hypergraph_l1norm, hypergraph_forcelayout
from hypergraph.model.kernel import binding
from hypergraph.runs.pretrained import shipped
from hypergraph.extensions.registry import CLASSIFIERS, TASKS, VISUALIZERS
from hypergraph.report.blobs import Blobs
from hypergraph.report.page import page
here = pathlib.Path(sys.prefix)
assert here in pathlib.Path(hypergraph.__file__).parents, hypergraph.__file__
assert binding._library is not None, "the compiled hypernetwork is missing"
assert shipped("l1norm/memorised").is_file()
assert "d3-selection" in page([], Blobs())
TASKS.load("l1norm"), CLASSIFIERS.load("l1norm"), VISUALIZERS.load("forcelayout")
print(json.dumps([name for name in ("tasks", "plugins", "tests") if importlib.util.find_spec(name)]))
"""


def run(*words: object, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = finished(*words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_works_elsewhere(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    for folder in ("hypergraph", "tasks", "plugins", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps")
    run(sys.executable, "-m", "pip", "wheel", *options, "--no-build-isolation", "-w", tmp_path, tree, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    python = clean / "bin" / "python"
    run(python, "-m", "pip", "install", *options, wheel, cwd=tmp_path)
    # torch and the other dependencies are borrowed, not installed again; an editable install is not visible this way
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    assert run(python, "-I", "-W", "ignore", "-c", PROBE, cwd=tmp_path).splitlines()[-1] == "[]"
    listed = run(clean / "bin" / "hypergraph", "plugins", "list", "--check", "--json", cwd=tmp_path)
    assert '"l1norm"' in listed
    assert '"broken"' not in listed
    check_a_new_task(clean / "bin", options, tmp_path)


def check_a_new_task(bin: Path, options: tuple[str, ...], folder: Path) -> None:
    """A project that the installed command writes installs beside it, passes its tests, and runs to the figures."""
    run(bin / "hypergraph", "plugins", "new", "task", "fresh", cwd=folder)
    project = folder / "hypergraph-fresh"
    build = (sys.executable, "-m", "pip", "wheel", *options, "--no-build-isolation", "-w", folder / "built", project)
    run(*build, cwd=folder)
    run(bin / "python", "-m", "pip", "install", *options, *(folder / "built").glob("*.whl"), cwd=folder)
    run(bin / "python", "-m", "pytest", "-q", "tests", cwd=project)
    run(bin / "hypergraph", "run", "fresh", "--steps", 20, "--members", 1, "--out", "made", cwd=folder)
    network = folder / "made/networks/member0-beta1.0e+00.safetensors"
    assert '"confidence"' in run(bin / "hypergraph", "classify", network, "--json", cwd=folder)
    run(bin / "hypergraph", "draw", network, "--out", "net.svg", cwd=folder)
    run(bin / "hypergraph", "figures", "made", "--only", "algorithms", "--only", "order-space", cwd=folder)
