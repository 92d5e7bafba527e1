"""One set of limits for a run, whether it is asked for by the command, from Python or in a stranger's config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import hypergraph as hg
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import FileError, UsageError
from hypergraph.experiment.plan import Request, plan
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import Connection, MLPSpec
from hypergraph.training.recipe import Recipe

RECIPE = Recipe(steps=10, wiring=1)
CONFIG = RunConfig("l1norm", (MLPSpec((4, 8, 1)),), 5, 7, "cpu", RECIPE, {"size": 3})

NUMBERS: list[tuple[str, Any]] = [
    *[("members", value) for value in (0, -2, 1_000_001, 10**14, 10**4000, True, 2.0, "2", None)],
    *[("seed", value) for value in (-1, 2**63, 2**70, False, 0.0, None)],
]
RECIPES: list[tuple[str, Any]] = [
    *[("steps", value) for value in (0, -5, 10**9 + 1, 1e30, True, "9", None)],
    *[("batch", value) for value in (0, 2**20 + 1, 1.0)],
    *[("learning_rate", value) for value in (0.0, -1e-3, 2.0, 10**400, float("nan"), float("inf"), "fast", None)],
    *[("beta_warmup_steps", value) for value in (-1, 10**12, 0.5)],
    *[("wiring", value) for value in (7.0, -0.1, 2, float("nan"), "much", True, [])],
]
OTHERS: list[tuple[str, Any]] = [
    *[("device", value) for value in ("rm -rf", "cuda:", "cuda:1234", "CPU", "meta", "cpu\n", 0, None)],
    *[("task", value) for value in ("", "../x", "a\nb", "a b", "\x1b[2J", 3, "a" * 201)],
    *[("options", value) for value in ([], {"size": None}, {"size": [1]}, "size=3", {"a\n": 1})],
    *[("options", {str(n): n for n in range(101)}), ("versions", {"python": 3}), ("versions", {"python": "\x1b"})],
    *[(name, value) for name in ("chunk_count", "threads") for value in (0, -1, 2000, 1.0, None)],
]


@pytest.mark.parametrize(("name", "value"), [*NUMBERS, *OTHERS])
def test_no_configuration_holds_an_absurd_value(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^{name} "):
        replace(CONFIG, **{name: value})


@pytest.mark.parametrize(("name", "value"), RECIPES)
def test_no_recipe_holds_an_absurd_value(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^{name} is "):
        replace(RECIPE, **{name: value})


def test_networks_are_counted_and_have_weights() -> None:
    with pytest.raises(UsageError, match=r"specs is \(.*\): expected list of length <= 1000"):
        replace(CONFIG, specs=CONFIG.specs * 1001)
    with pytest.raises(UsageError, match="11 networks of 100,003 layers together; at most 100,000"):
        replace(CONFIG, specs=(MLPSpec((1,) * 10_000),) * 10 + CONFIG.specs)
    with pytest.raises(UsageError, match="leave no weight"):
        replace(CONFIG, specs=(MLPSpec((1, 1), masks=(Connection(0, 1, ("0",)),)),))


@pytest.mark.parametrize(("name", "value"), [*NUMBERS, *RECIPES, *OTHERS])
def test_a_strangers_configuration_is_held_to_the_same(name: str, value: Any, tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    assert RunDirectory.open(tmp_path).config == CONFIG
    fields = CONFIG.to_fields()
    if name in fields:
        fields[name] = value
    else:
        fields["recipe"][name] = value
    (tmp_path / "config.json").write_text(json.dumps(fields))
    with pytest.raises(FileError, match=rf"config\.json(: (recipe\.)?{name} | is not JSON: )"):
        RunDirectory.open(tmp_path)


@pytest.mark.parametrize("name", ["members", "steps", "wiring", "seed"])
def test_the_command_and_python_are_held_to_the_same(name: str, tmp_path: Path) -> None:
    """Nothing is left at its default because it is zero."""
    given: dict[str, Any] = {"members": None, "steps": None, "wiring": None, "seed": 0}
    for wrong in (value for field, value in [*NUMBERS, *RECIPES] if field == name and value is not None):
        with pytest.raises(UsageError, match=f"^{name} is "):
            plan(Request("l1norm", device="cpu", **{**given, name: wrong}), LocalEngine())
        with pytest.raises(UsageError, match=f"^{name} is "):
            hg.train("l1norm", out=tmp_path / "run", **{name: wrong})
    assert not (tmp_path / "run").exists()
    request = Request("l1norm", members=1, steps=1, wiring=0.0, seed=2**63 - 1, device="cpu")
    config = plan(request, LocalEngine())
    assert config.recipe is not None
    assert (config.members, config.recipe.steps, config.recipe.wiring, config.seed) == (1, 1, 0.0, 2**63 - 1)


def test_what_a_configuration_lacks_and_what_it_should_not_have_is_named() -> None:
    fields = CONFIG.to_fields()
    for name in ("seed", "recipe", "options", "chunk_count", "versions"):
        lacking = {other: value for other, value in fields.items() if other != name}
        with pytest.raises(UsageError, match=f"^{name} is missing$"):
            RunConfig.from_fields(lacking)
    with pytest.raises(UsageError, match=r"^recipe\.steps is missing$"):
        RunConfig.from_fields({**fields, "recipe": {}})
    with pytest.raises(UsageError, match=r"^recipe\.wiring is missing$"):
        RunConfig.from_fields(
            {**fields, "recipe": {"steps": 1, "batch": 1, "learning_rate": 1, "beta_warmup_steps": 1}}
        )
    with pytest.raises(UsageError, match=r"^recipe\.rate is unknown: expected one of steps, batch, learning_rate, "):
        RunConfig.from_fields({**fields, "recipe": {**fields["recipe"], "rate": 0.1}})


FORMAT_3 = """{
  "format_version": 3,
  "task": "l1norm",
  "specs": [{"sizes": [16, 48, 1], "activation": "silu", "bias": true, "skips": [], "masks": []}],
  "members": 4,
  "seed": 0,
  "device": "cpu",
  "recipe": {"steps": 10000, "batch": 256, "rate": 0.002, "opening": 2000, "wiring": 1.0},
  "options": {},
  "chunks": 2,
  "threads": 1,
  "versions": {
    "hypergraph-toolkit": "0.1.0",
    "torch": "2.13.0+cpu",
    "dgl": "1.1.3",
    "python": "3.11.7",
    "blocks": "compiled_avx2",
    "processor": "AVX512"
  }
}"""


def test_a_run_of_format_3_is_read_with_a_warning_of_one_line(caplog: pytest.LogCaptureFixture) -> None:
    fields = json.loads(FORMAT_3)
    config = RunConfig.from_fields(fields)
    assert config.recipe == Recipe(10_000, 256, 2e-3, 2_000, 1.0)
    assert (config.task, config.members, config.chunk_count, config.threads) == ("l1norm", 4, 2, 1)
    assert config.specs == (MLPSpec((16, 48, 1)),)
    assert config.versions["blocks"] == "compiled_avx2"
    assert caplog.messages == ["read a run of format 3, as an earlier release wrote it"]
    assert fields == json.loads(FORMAT_3)
    assert RunConfig.from_fields(config.to_fields()) == config
    for name, new in [("chunks", "chunk_count"), ("recipe", "recipe")]:
        with pytest.raises(UsageError, match=f"^{new} is missing$"):
            RunConfig.from_fields({other: value for other, value in fields.items() if other != name})
