"""Plugins from strangers: what one prints, raises, ends or hangs in costs one line that names it, and no result."""

from __future__ import annotations

import json
import logging
import os
import sys
from functools import partial
from pathlib import Path

import pytest
from distributions import HANGING, Install
from processes import HYPERGRAPH, Command, finished

from hypergraph.analysis import sweep as sweeps
from hypergraph.analysis.sweep import BETA_GRID, sweep
from hypergraph.experiment import run as experiment
from hypergraph.runs import pretrained

TASK = """
import ctypes, os, sys
from hypergraph_l1norm.task import L1Norm
class Good(L1Norm):
"""
CLASSIFIER = """
import sys
from hypergraph_l1norm.classifier import L1NormClassifier
class Good(L1NormClassifier):
    task = "fake"
"""
VISUALIZER = """
import sys
from hypergraph_forcelayout.visualizer import ForceLayout
class Good(ForceLayout):
    layouts = ("odd",)
"""
METHOD = """
    def {0}(self, *args, **kwargs):
        {1}
"""
PROPERTY = """
    @property
    def {0}(self):
        {1}
"""
ENDS = {
    "raise ValueError('no\\nluck')": "ValueError: no luck",
    "raise OSError('disk')": "OSError: disk",
    "sys.exit(0)": "SystemExit: 0",
    "raise type('Stop', (BaseException,), {})": "Stop",
}
"""What a plugin does, and what is told of it."""
LOUD = "print('python'); os.system('echo child'); os.write(1, b'descriptor\\n'); ctypes.CDLL(None).puts(b'c code')"
"""Four ways to standard output; what C code writes stays in a buffer until the process ends."""


@pytest.fixture
def resumed(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained run of the task `fake`, to be analysed at few prices, without figures."""
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").unlink()
    (copied / "config.json").write_text(json.dumps({**config, "task": "fake"}))
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::15]))
    monkeypatch.setattr(experiment, "NAMES", [])
    return copied


@pytest.fixture
def network(run: tuple[Path, str, str]) -> Path:
    return sorted((run[0] / "networks").iterdir())[0]


def told(tmp_path: Path, kind: str, line: int, what: str) -> str:
    plugin = f"{kind} 'fake' of strange-dist 1.0 (strange_dist_module:Good)"
    return f"{plugin} raised {what} at {tmp_path / 'strange_dist_module.py'}:{line}"


def check(answer: tuple[int, str, str], line: str) -> None:
    """A command ended with this line, and with no result."""
    status, stdout, stderr = answer
    assert (status, stdout) == (1, "")
    assert stderr.splitlines()[-1] == f"error: {line}"
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("end", "what"), ENDS.items())
@pytest.mark.parametrize("place", [PROPERTY.format("default_spec", "{0}"), METHOD.format("check_spec", "{0}")])
def test_a_task_that_fails_before_a_training(
    install: Install, command: Command, tmp_path: Path, place: str, end: str, what: str
) -> None:
    source = TASK + place.replace("{0}", end)
    install("strange-dist", source)
    answer = command("run", "fake", "--out", tmp_path / "run")
    check(answer, told(tmp_path, "task", source.count("\n"), what))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "place",
    [PROPERTY.format("solved_loss", "sys.exit(0)"), *(METHOD.format(x, "sys.exit(0)") for x in ("sample", "loss"))],
)
def test_a_task_that_fails_after_a_training(
    install: Install, command: Command, tmp_path: Path, resumed: Path, place: str
) -> None:
    install("strange-dist", TASK + place)
    answer = command("run", "fake", "--resume", "--out", resumed, "--json")
    check(answer, told(tmp_path, "task", (TASK + place).count("\n"), "SystemExit: 0"))


@pytest.mark.parametrize(("end", "what"), ENDS.items())
@pytest.mark.parametrize("method", ["order_parameters", "classify", "confidence"])
def test_a_classifier_that_fails(
    install: Install, command: Command, tmp_path: Path, network: Path, method: str, end: str, what: str
) -> None:
    source = CLASSIFIER + METHOD.format(method, end)
    install("strange-dist", source, kind="classifier")
    answer = command("classify", network, "--task", "fake", "--json")
    check(answer, f"{network}: {told(tmp_path, 'classifier', source.count(chr(10)), what)}")


@pytest.mark.parametrize(("end", "what"), list(ENDS.items())[:3])
def test_a_classifier_that_fails_costs_no_run(
    install: Install,
    command: Command,
    tmp_path: Path,
    resumed: Path,
    caplog: pytest.LogCaptureFixture,
    end: str,
    what: str,
) -> None:
    source = CLASSIFIER + METHOD.format("classify", end)
    task = TASK + "    pass\n"
    install("task-dist", task)
    install("strange-dist", source, kind="classifier")
    with caplog.at_level(logging.WARNING):
        status, stdout, _ = command("run", "fake", "--resume", "--out", resumed, "--json")
    assert status == 0
    result = json.loads(stdout)
    assert {row["algorithm"] for row in result["networks"]} <= set(result["algorithms"])  # families stand in
    assert caplog.messages == [f"passed over: {told(tmp_path, 'classifier', source.count(chr(10)), what)}"]


def test_a_classifier_without_colours_is_named(
    install: Install, command: Command, tmp_path: Path, resumed: Path
) -> None:
    source = CLASSIFIER + PROPERTY.format("colours", "sys.exit(0)")
    install("task-dist", TASK + "    pass\n")
    install("strange-dist", source, kind="classifier")
    answer = command("run", "fake", "--resume", "--out", resumed, "--json")
    check(answer, told(tmp_path, "classifier", source.count("\n"), "SystemExit: 0"))


@pytest.mark.parametrize(("end", "what"), list(ENDS.items())[:3])
def test_a_classifier_that_fails_costs_one_figure(
    install: Install, command: Command, tmp_path: Path, resumed: Path, end: str, what: str
) -> None:
    source = CLASSIFIER + PROPERTY.format("planes", end)
    install("task-dist", TASK + "    pass\n")
    install("strange-dist", source, kind="classifier")
    status, stdout, _ = command("figures", resumed, "--only", "rate", "--only", "order-space")
    assert (status, stdout.count("\n")) == (1, 1)
    assert stdout.startswith(f"{resumed / 'figures' / 'rate.svg'}: ")
    answer = command("figures", resumed, "--only", "order-space")
    check(answer, f"order-space not drawn: {told(tmp_path, 'classifier', source.count(chr(10)), what)}")


@pytest.mark.parametrize(("end", "what"), ENDS.items())
@pytest.mark.parametrize("place", [PROPERTY.format("layouts", "{0}"), METHOD.format("draw", "{0}")])
def test_a_visualizer_that_fails(
    install: Install, command: Command, tmp_path: Path, network: Path, place: str, end: str, what: str
) -> None:
    source = VISUALIZER + place.replace("{0}", end)
    install("strange-dist", source, kind="visualizer")
    answer = command("draw", network, "--out", tmp_path / "x.svg", "--layout", "odd")
    check(answer, told(tmp_path, "visualizer", source.count("\n"), what))


def test_the_line_is_the_innermost_of_the_plugin_in_a_package(
    install: Install, command: Command, tmp_path: Path, network: Path
) -> None:
    """And the plugin is the one that was called, not its neighbour, nor what the plugin called."""
    install("strange-dist", "", kind="classifier", entry_points=(
        "[hypergraph.tasks]\nfake = strange_package.plugins:Task\n"
        "[hypergraph.classifiers]\nfake = strange_package.plugins:Good\n"
    ))  # fmt: skip
    (tmp_path / "strange_package").mkdir()
    (tmp_path / "strange_package" / "__init__.py").touch()
    helper = tmp_path / "strange_package" / "helper.py"
    helper.write_text("import json\n\ndef parse():\n    json.loads('{')\n")
    body = "from strange_package.helper import parse; parse()"
    (tmp_path / "strange_package" / "plugins.py").write_text(CLASSIFIER + METHOD.format("classify", body))
    status, stdout, stderr = command("classify", network, "--task", "fake")
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert "classifier 'fake' of strange-dist 1.0 (strange_package.plugins:Good) raised JSONDecodeError: " in stderr
    assert stderr.endswith(f" at {helper}:4\n")


def test_an_end_without_a_line_is_no_success(install: Install, command: Command, network: Path) -> None:
    install("strange-dist", CLASSIFIER + "    classify = sys.exit\n", kind="classifier")
    status, stdout, stderr = command("classify", network, "--task", "fake")
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert stderr == f"error: {network}: an unknown plugin called sys.exit\n"


def test_an_error_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, network: Path) -> None:
    code = (
        "import sys; from hypergraph.cli import inspect, main\n"
        "inspect._file = lambda *_: 1 / 0\n"
        f"sys.argv = ['hypergraph', 'inspect', {str(network)!r}]; main()"
    )
    done = finished(sys.executable, "-c", code)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_what_plugins_write_to_standard_output_is_in_no_result(
    install: Install, tmp_path: Path, run: tuple[Path, str, str], network: Path
) -> None:
    loud = f"import ctypes, os, atexit\ndef shout():\n    {LOUD}\n"
    install("loud-dist", f"{loud}shout()\n{CLASSIFIER}{METHOD.format('__init__', 'shout(); atexit.register(shout)')}"
        "    def classify(self, parameters):\n        shout(); return super().classify(parameters)\n",
        kind="classifier")  # fmt: skip
    done = finished(*HYPERGRAPH, "classify", network, "--task", "fake", "--json")
    assert done.returncode == 0
    assert [row["task"] for row in json.loads(done.stdout)] == ["fake"]
    assert all(done.stderr.count(word) == 4 for word in ("python", "child", "descriptor", "c code"))
    done = finished(*HYPERGRAPH, "plugins", "list", "--check", "--json")
    assert done.returncode == 0
    assert "fake" in [row["name"] for row in json.loads(done.stdout)]
    assert "child" in done.stderr


@pytest.mark.slow
def test_a_task_that_writes_to_standard_output_does_not_spoil_a_run(install: Install, tmp_path: Path) -> None:
    shout = f"\n        {LOUD}\n"
    before = f"    def check_spec(self, spec):{shout}"
    during = f"    def loss(self, outputs, targets):{shout}        return super().loss(outputs, targets)\n"
    after = f"    @property\n    def solved_loss(self):{shout}        return 1.0\n"
    install("loud-dist", TASK + before + during + after)
    options = ("--layers", "3,4,1", "--members", 1, "--steps", 2, "--out", tmp_path / "run")
    done = finished(*HYPERGRAPH, "run", "fake", *options, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["task"] == "fake"
    assert "child" in done.stderr
    assert "child" in (tmp_path / "run/training/0-0/log.txt").read_text()


@pytest.mark.slow
def test_a_worker_speaks_utf8_whatever_the_locale(install: Install, tmp_path: Path) -> None:
    install("strange-dist", TASK + METHOD.format("sample", "raise ValueError('\u00fc')"))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    options = ("--layers", "3,4,1", "--members", 1, "--steps", 2, "--out", tmp_path / "run")
    done = finished(*HYPERGRAPH, "run", "fake", *options, env={**os.environ, **locale})
    assert done.returncode == 1
    assert "raised ValueError: \\xfc at " in done.stderr


@pytest.mark.slow
def test_a_task_that_fails_in_a_worker_is_named(install: Install, tmp_path: Path) -> None:
    """Its sys.exit too: a worker that ended so has trained nothing."""
    for number, (end, what) in enumerate(ENDS.items()):
        install(f"strange{number}-dist", TASK + METHOD.format("sample", end), name=f"fake{number}")
        options = ("--layers", "3,4,1", "--members", 1, "--steps", 2, "--out", tmp_path / f"run{number}")
        done = finished(*HYPERGRAPH, "run", f"fake{number}", *options)
        assert done.returncode == 1
        assert (
            f"error: training of members 0-0 failed: task 'fake{number}' of strange{number}-dist 1.0 (" in done.stderr
        )
        assert f" raised {what} at {tmp_path}" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_costs_one_line_at_most(tmp_path: Path) -> None:
    words = f"{sys.executable} -m hypergraph plugins list --json"
    for shell in (f"{words} | head -c 1", f"{words} | true", f"{words} > /dev/full"):
        done = finished("sh", "-c", shell)
        assert done.stderr.count("\n") <= 1, done.stderr
        assert "Traceback" not in done.stderr


def test_a_stranger_that_hangs_stops_neither_the_list_nor_a_run(
    install: Install,
    command: Command,
    copied: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::15]))
    monkeypatch.setattr(experiment, "NAMES", ["algorithms"])
    install("slow-dist", HANGING, kind="classifier", name="aaa")
    install("slower-dist", HANGING, kind="visualizer", name="aaa")
    status, stdout, _ = command("plugins", "list", "--check", "--json")
    assert status == 1
    rows = json.loads(stdout)
    assert [row["status"] for row in rows if row["name"] == "aaa"] == ["broken"] * 2
    assert {row["status"] for row in rows if row["name"] != "aaa"} == {"ok"}
    assert "loading it did not end within 60 s" in next(row["message"] for row in rows if row["name"] == "aaa")
    with caplog.at_level(logging.WARNING):
        status, stdout, _ = command("run", "l1norm", "--resume", "--out", copied, "--json")
    assert status == 0
    assert "figures/algorithms.svg" in json.loads(stdout)["figures"]
    (message,) = caplog.messages
    assert message.startswith("passed over: visualizer 'aaa' of slower-dist 1.0 (slower_dist_module:Good) is broken")


def test_naming_shipped_generators_imports_no_plugin(install: Install, command: Command, tmp_path: Path) -> None:
    """Not even the packages above the plugin's module."""
    loaded = "raise AssertionError('imported')"
    install("strange-dist", loaded, entry_points="[hypergraph.tasks]\nfake = strange.inner.task:Good\n")
    for folder in (tmp_path / "strange" / "inner", tmp_path / "strange"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(loaded)
    (tmp_path / "strange" / "pretrained").mkdir()
    (tmp_path / "strange" / "pretrained" / "small.safetensors").write_text("nothing")
    assert pretrained.shipped("fake/small") == tmp_path / "strange" / "pretrained" / "small.safetensors"
    status, _, stderr = command("generate", "fake", "--beta", "1", "--out", tmp_path / "x.safetensors")
    assert (status, "task fake ships fake/small" in stderr) == (1, True)
    completion = {"_HYPERGRAPH_COMPLETE": "complete_bash", "COMP_WORDS": "hypergraph run fa", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['hypergraph']; from hypergraph.cli import main; main()"
    environment = {**os.environ, **completion, "PYTHONPATH": str(tmp_path)}
    done = finished(sys.executable, "-c", code, env=environment)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "fake", "")
    assert not [name for name in sys.modules if name.startswith("strange")]
