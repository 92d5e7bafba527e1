"""Plugins are found without being imported, and one that misbehaves costs one clear line."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from distributions import HANGING, Install, distribute
from processes import python

from hypergraph.errors import PluginError, UsageError
from hypergraph.extensions import registry
from hypergraph.extensions.registry import (
    CLASSIFIERS,
    TASKS,
    VISUALIZERS,
    PluginLoadError,
    UnknownPluginError,
    classifier_for,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TASK = """
from hypergraph.interfaces import Task
class Good(Task):
    default_spec = solved_loss = sample = loss = None
"""
CLASSIFIER = """
from hypergraph.interfaces import Classifier
class Good(Classifier):
    task = {task!r}
    colours = order_parameters = classify = None
"""


def failure(name: str = "fake") -> PluginLoadError:
    """What loading this task raises; always one line."""
    with pytest.raises(PluginLoadError) as caught:
        TASKS.load(name)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1
    return caught.value


def test_loads_an_instance(install: Install) -> None:
    install("good-dist", TASK)
    assert type(TASKS.load("fake")).__name__ == "Good"


@pytest.mark.parametrize("name", ["good-dist/fake", "Good_Dist/fake", "GOOD.dist/fake"])
def test_qualified_name_is_compared_as_indexes_do(install: Install, name: str) -> None:
    install("Good-Dist", TASK)
    assert type(TASKS.load(name)).__name__ == "Good"


def test_listing_reads_metadata_and_imports_nothing(install: Install) -> None:
    install("good-dist", TASK)
    (plugin,) = [p for p in TASKS.plugins() if p.name == "fake"]
    assert (plugin.kind, plugin.distribution, plugin.version) == ("task", "good-dist", "1.0")
    assert (plugin.summary, plugin.value) == ("About good-dist", "good_dist_module:Good")
    assert "fake" in TASKS.names()
    assert "fake" not in CLASSIFIERS.names()
    assert "good_dist_module" not in sys.modules


def test_importing_and_listing_leave_torch_alone() -> None:
    code = (
        "import sys; from hypergraph.extensions.registry import TASKS; TASKS.plugins();"
        "print({'torch', 'dgl', 'hypergraph.interfaces', 'rich'} & set(sys.modules))"
    )
    assert python(code) == "set()\n"


def test_first_party_plugins_are_discovered() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
    for plugins in (TASKS, CLASSIFIERS, VISUALIZERS):
        ours = [p.name for p in plugins.plugins() if p.distribution == "hypergraph-toolkit"]
        assert ours == sorted(groups[f"hypergraph.{plugins.kind}s"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no\\nluck')", "ValueError: no luck"),
        ("raise ValueError", "ValueError"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", "E: <"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("def (", "SyntaxError: "),
        ("", "AttributeError: "),
        (TASK + "    def __init__(self): raise OSError('disk')", "OSError: disk"),
        (TASK + "    def __init__(self): raise SystemExit", "SystemExit"),
        (TASK + "    def __init__(self, size): pass", "TypeError: "),
        (TASK.replace("loss = None", "x = None"), "TypeError: Can't instantiate abstract class Good"),
    ],
)
def test_broken_plugin_is_one_line(install: Install, source: str, reason: str) -> None:
    install("bad-dist", source)
    error = failure()
    assert error.status == "broken"
    assert str(error).startswith(f"task 'fake' of bad-dist 1.0 (bad_dist_module:Good) is broken: {reason}")
    assert error.__cause__ is not None


def test_malformed_value_is_broken(install: Install) -> None:
    install("bad-dist", TASK, value="not a module!")
    assert failure().status == "broken"


def test_interrupt_stays_an_interrupt(install: Install) -> None:
    install("slow-dist", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        TASKS.load("fake")


HANG = "import time; time.sleep(3600)"
STUBBORN = "import time\nfor _ in range(3600):\n    try: time.sleep(1)\n    except Exception: pass"
DEAF = f"try:\n    {HANG}\nexcept BaseException: pass\n{HANG}"


@pytest.mark.parametrize(
    "source",
    [HANG, STUBBORN, DEAF, TASK + f"    def __init__(self): {HANG}"],
    ids=["import", "stubborn", "deaf", "constructor"],
)
def test_a_plugin_that_hangs_is_broken(install: Install, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(registry, "LOAD_TIMEOUT_S", 0.1)  # nothing else is loaded, which it could be too short for
    install("slow-dist", source)
    errors = [failure() for _ in range(2)]
    assert errors[0].status == "broken"
    expected = "task 'fake' of slow-dist 1.0 (slow_dist_module:Good) is broken: loading it did not end within 0.1 s"
    assert [str(error) for error in errors] == [expected] * 2


def test_a_plugin_that_hung_is_not_waited_for_again(install: Install, tmp_path: Path) -> None:
    install("slow-dist", HANGING)
    first = failure()
    assert "loading it did not end within 60 s" in str(first)
    (tmp_path / "slow_dist_module.py").write_text(TASK)  # it would load now
    assert str(failure()) == str(first)


def test_a_plugin_that_loads_one_that_hangs_has_its_own_time(install: Install) -> None:
    install("inner-dist", HANGING, name="inner")
    load = (
        "from hypergraph.extensions.registry import TASKS\ntry: TASKS.load('inner')\nexcept Exception: loaded = False\n"
    )
    install("outer-dist", f"{load}assert not loaded\n{HANGING}", name="outer")
    install("good-dist", load + TASK, name="good")
    assert "outer_dist_module:Good) is broken: loading it did not end" in str(failure("outer"))
    assert type(TASKS.load("good")).__name__ == "Good"


def test_outside_the_main_thread_plugins_load_unwatched(install: Install) -> None:
    install("good-dist", TASK)
    with ThreadPoolExecutor() as pool:
        assert type(pool.submit(TASKS.load, "fake").result()).__name__ == "Good"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Good = 5", "is not a subclass of hypergraph.interfaces.Task"),
        ("class Good: pass", "is not a subclass of hypergraph.interfaces.Task"),
        (CLASSIFIER.format(task="fake"), "is not a subclass of hypergraph.interfaces.Task"),
        (TASK + "    api = 999", "has api 999, this hypergraph has "),
    ],
)
def test_incompatible_plugin(install: Install, source: str, reason: str) -> None:
    install("other-dist", source)
    error = failure()
    assert error.status == "incompatible"
    assert str(error).startswith(f"task 'fake' of other-dist 1.0 (other_dist_module:Good) {reason}")


def test_name_of_two_distributions_must_be_qualified(install: Install) -> None:
    install("dist-a", TASK)
    install("dist-b", TASK)
    error = failure()
    assert error.status == "ambiguous"
    assert str(error) == "task 'fake' is offered by dist-a 1.0 and dist-b 1.0: write dist-a/fake or dist-b/fake"
    assert TASKS.names().count("fake") == 1
    assert [type(TASKS.load(f"dist-{x}/fake")).__module__ for x in "ab"] == ["dist_a_module", "dist_b_module"]


def test_unknown_name_gives_close_matches_and_the_list(install: Install) -> None:
    install("good-dist", TASK, name="parity")
    with pytest.raises(UnknownPluginError, match=r"^unknown task 'partiy' \(did you mean parity\?\); installed: ") as e:
        TASKS.load("partiy")
    assert "parity" in str(e.value).rpartition("installed: ")[2]
    assert isinstance(e.value, UsageError)
    assert not isinstance(e.value, PluginError)
    with pytest.raises(UnknownPluginError, match="unknown task 'other/parity'"):
        TASKS.load("other/parity")


def test_one_broken_plugin_leaves_the_others_alone(install: Install) -> None:
    install("bad-dist", "import sys; sys.exit()", name="bad")
    install("good-dist", TASK)
    assert type(TASKS.load("fake")).__name__ == "Good"
    assert failure("bad").status == "broken"


@pytest.mark.parametrize("files", [{"entry_points": "[hypergraph.tasks]\nno equals sign\n"}, {"metadata": ""}])
def test_unreadable_distribution_is_skipped(install: Install, files: dict[str, str]) -> None:
    install("bad-dist", TASK, name="bad", **files)
    install("good-dist", TASK)
    assert "fake" in TASKS.names()
    assert "bad" not in TASKS.names()


def test_shadowed_copy_of_a_distribution_does_not_count(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("good-dist", TASK)
    distribute(tmp_path / "newer", "good-dist", "[hypergraph.tasks]\nrenamed = good_dist_module:Good\n", "2.0")
    monkeypatch.syspath_prepend(tmp_path / "newer")
    assert "renamed" in TASKS.names()
    assert "fake" not in TASKS.names()


@pytest.mark.parametrize(
    ("allowed", "names"),
    [("", []), ("one", ["one"]), (" one , two,", ["one", "two"]), ("Dist_A/one", ["one"]), ("dist-b/one", [])],
)
def test_allow_list(install: Install, monkeypatch: pytest.MonkeyPatch, allowed: str, names: list[str]) -> None:
    install("dist-a", TASK, name="one")
    install("dist-b", TASK, name="two")
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", allowed)
    assert TASKS.names() == names
    with pytest.raises(UnknownPluginError, match="HYPERGRAPH_PLUGINS"):
        TASKS.load("l1norm")


def test_classifier_of_the_same_name(install: Install) -> None:
    install("dist-a", CLASSIFIER.format(task="fake"), kind="classifier", name="aardvark")
    install("dist-b", CLASSIFIER.format(task="fake"), kind="classifier")
    assert type(classifier_for("fake")).__module__ == "dist_b_module"


def test_classifier_of_the_same_distribution_for_a_qualified_task(install: Install) -> None:
    install("dist-a", CLASSIFIER.format(task="fake"), kind="classifier")
    install("dist-b", CLASSIFIER.format(task="fake"), kind="classifier")
    assert type(classifier_for("dist-b/fake")).__module__ == "dist_b_module"


def test_classifier_search_passes_over_broken_ones(
    install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HYPERGRAPH_PLUGINS", "fake,broken,leaving,slow,strange,useful")
    install("dist-a", "raise OSError('disk')", kind="classifier", name="broken")
    install("dist-b", CLASSIFIER.format(task="other"), kind="classifier")
    raising = CLASSIFIER.format(task="") + "    task = property(lambda self: 1 / 0)"
    install("dist-c", raising, kind="classifier", name="strange")
    install("dist-d", CLASSIFIER.format(task="fake"), kind="classifier", name="useful")
    install("dist-e", HANGING, kind="classifier", name="slow")
    leaving = CLASSIFIER.format(task="") + "    task = property(lambda self: __import__('sys').exit())"
    install("dist-f", leaving, kind="classifier", name="leaving")
    with caplog.at_level(logging.WARNING):
        assert type(classifier_for("fake")).__module__ == "dist_d_module"
        assert classifier_for("nobody") is None
    assert "is broken: OSError: disk" in caplog.text
    assert "division by zero" in caplog.text
    assert "classifier 'leaving' of dist-f 1.0 (dist_f_module:Good) is broken: SystemExit" in caplog.text
    assert "slow' of dist-e 1.0 (dist_e_module:Good) is broken: loading it did not end" in caplog.text
