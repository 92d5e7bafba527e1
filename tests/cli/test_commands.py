"""Every command as a user types it, on one small run: what it prints, what it writes, how it refuses."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from distributions import Install
from processes import finished
from safetensors.torch import load_file, save_file

from hypergraph.analysis import phases
from hypergraph.analysis import sweep as sweeps
from hypergraph.analysis.measure import measure_loss
from hypergraph.analysis.sweep import BETA_GRID, sweep
from hypergraph.errors import UsageError
from hypergraph.experiment import run as experiment
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs import pretrained
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import random_networks
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.task import L1Norm

Command = Callable[..., tuple[int, str, str]]
BROKEN = """
from hypergraph_l1norm.classifier import L1NormClassifier
class Good(L1NormClassifier):
    task = "fake"
    def classify(self, order_parameters):
        raise ValueError("no luck")
"""


def result_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return value


def test_run_tells_the_algorithms_by_beta(run: tuple[Path, str, str]) -> None:
    folder, stdout, stderr = run
    assert "member 0" in stdout
    assert "1.0e-12" in stdout
    assert "best loss" in stdout
    assert "step 30/30" in stderr
    assert "KL" in stderr
    assert (folder / "config.json").exists()
    assert (folder / "training/0-0/metrics.jsonl").exists()


def test_run_tells_the_program_of_each_family(run: tuple[Path, str, str]) -> None:
    folder, stdout, _ = run
    result = result_of(folder)
    files = {network["file"] for network in result["networks"]}
    assert result["programs"]
    for found in result["programs"]:
        assert found["file"] in files
        assert f"{found['family']} {found['kind'] or 'has no short program'}" in stdout
        assert (found["program"] is None) == (found["kind"] is None)


def test_run_writes_a_result_for_every_member_and_beta(run: tuple[Path, str, str]) -> None:
    folder = run[0]
    networks = result_of(folder)["networks"]
    assert len({(network["member"], network["beta"]) for network in networks}) == 2 * 31
    for network in networks:
        assert {"member", "beta", "loss", "kl", "decoder_loss", "algorithm", "order_parameters", "file"} <= set(network)
        assert (folder / network["file"]).is_file()
    provenance = result_of(folder)["provenance"]
    assert [(part["members"], part["step"]) for part in provenance] == [([0, 0], 0), ([1, 1], 0), ([0, 1], None)]
    assert all(part["versions"]["torch"] == torch.__version__ and part["threads"] == 1 for part in provenance)


def test_run_draws_what_it_found(run: tuple[Path, str, str]) -> None:
    folder = run[0]
    figures = result_of(folder)["figures"]
    assert sorted(figures) == sorted(path.relative_to(folder).as_posix() for path in (folder / "figures").iterdir())
    assert {"figures/algorithms.svg", "figures/phases.png", "figures/rate.csv"} <= set(figures)
    for figure in figures:
        assert (folder / figure).stat().st_size > (50 if figure.endswith(".csv") else 1000)
    (told,) = [line for line in run[1].splitlines() if line.startswith("drawn in figures: ")]
    assert told.split(": ")[1].split(", ") == [Path(figure).stem for figure in figures if figure.endswith(".svg")]


def test_a_network_gives_its_recorded_loss_in_plain_torch(run: tuple[Path, str, str]) -> None:
    folder = run[0]
    rng = torch.Generator().manual_seed(11)
    for network in result_of(folder)["networks"][::9]:
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1))
        model.load_state_dict(load_file(folder / network["file"]), strict=True)
        inputs, targets = L1Norm().sample(MLPSpec((4, 8, 1)), 10_000, rng)
        errors = (model(inputs) - targets).square().detach()
        assert abs(float(errors.mean()) - network["loss"]) < 6 * float(errors.std()) / 100


def test_json_is_the_result_and_a_second_analysis_finds_the_same(
    run: tuple[Path, str, str], copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "NAMES", [])
    status, stdout, _ = command("run", "l1norm", "--resume", "--out", copied, "--json")
    assert status == 0
    assert json.loads(stdout) == result_of(copied)
    assert result_of(copied)["networks"] == result_of(run[0])["networks"]


@pytest.mark.parametrize("source", ["", "result.json"])
def test_a_run_is_repeated_to_the_last_digit(
    source: str, run: tuple[Path, str, str], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its folder or from its result alone, on however many cores there are."""
    monkeypatch.setattr(experiment, "NAMES", [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    status, _, stderr = command("run", "--from", run[0] / source, "--out", tmp_path / "again")
    assert status == 0
    assert f"Every number of every network is as in {run[0] / source}" in stderr
    assert "was started with" not in stderr
    first, again = (result_of(folder) for folder in (run[0], tmp_path / "again"))
    differ = {name for name in first if first[name] != again[name]}
    assert differ <= {"figures", "not_drawn", "analysis_seconds"}
    for name in ("generator.safetensors", *(row["file"] for row in first["networks"])):
        assert (run[0] / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_repeated_run_tells_what_is_another_and_what_came_out_otherwise(
    copied: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "NAMES", [])
    result = result_of(copied)
    result["versions"]["torch"] = "1.0"
    result["networks"][0]["loss"] += 1e-9
    (copied / "result.json").unlink()
    (copied / "result.json").write_text(json.dumps(result))
    status, _, stderr = command("run", "--from", copied / "result.json", "--out", tmp_path / "again")
    assert status == 0
    assert f"was started with torch 1.0 (here {torch.__version__}): its numbers may differ" in stderr
    assert f"The numbers of the networks differ from {copied / 'result.json'}" in stderr


def test_a_run_is_not_repeated_as_another_task(run: tuple[Path, str, str], command: Command, tmp_path: Path) -> None:
    status, _, stderr = command("run", "maximum", "--from", run[0], "--out", tmp_path)
    assert (status, stderr) == (2, f"error: {run[0]} is a run of l1norm, not of maximum\n")


def test_generate_repeats_the_run_and_changes_with_the_seed(
    run: tuple[Path, str, str], command: Command, tmp_path: Path
) -> None:
    folder = run[0]
    network = next(n for n in result_of(folder)["networks"] if n["member"] == 1 and abs(n["beta"] - 1e-6) < 1e-9)
    files = [tmp_path / f"{seed}.safetensors" for seed in (3, 4)]
    for seed, file in zip((3, 4), files, strict=True):
        assert command("generate", folder, "--beta", "1e-6", "--seed", seed, "--member", 1, "--out", file)[0] == 0
    recorded, same, other = (load_file(path)["0.weight"] for path in (folder / network["file"], *files))
    torch.testing.assert_close(recorded, same, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(recorded, other)


def test_generate_other_sizes_with_the_encoder_ignored(
    run: tuple[Path, str, str], command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "deep.safetensors"
    words = ("generate", run[0] / "generator.safetensors", "--beta", "1e-3", "--layers", "6,5,4,3", "--out", file)
    status, _, stderr = command(*words)
    assert (status, stderr.count("\n")) == (2, 1)
    assert "ignore the encoder to generate 6,5,4,3" in stderr
    assert command(*words, "--decoder-only")[0] == 0
    assert MLPWeights.load(file)[0].spec.sizes == (6, 5, 4, 3)


def test_a_shipped_generator_makes_a_double_sided_network(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    assert command("generate", "l1norm/memorised", "--beta", "1e-8", "--seed", 5, "--out", file)[0] == 0
    network, metadata = MLPWeights.load(file)
    assert metadata["task"] == "l1norm"
    assert float(measure_loss(L1Norm(), network, seed=1)) < 0.02
    (row,) = json.loads(command("classify", file, "--json")[1])
    assert row["algorithm"] == "double-sided"


def test_a_shipped_generator_makes_networks_of_sizes_that_it_never_saw(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    for layers in ("11,33,1", "26,78,1"):
        words = ("--beta", "1e-6", "--seed", 5, "--layers", layers, "--out", file)
        assert command("generate", "l1norm/sizes", *words)[0] == 0
        network, metadata = MLPWeights.load(file)
        assert (str(network.spec), metadata["encoder"]) == (layers, "0")
        assert float(measure_loss(L1Norm(), network, seed=1)) < 0.1


def test_classify_agrees_with_the_run(run: tuple[Path, str, str], command: Command) -> None:
    networks = result_of(run[0])["networks"][:4]
    status, stdout, _ = command("classify", *(run[0] / n["file"] for n in networks), "--json")
    assert status == 0
    rows = json.loads(stdout)
    assert [row["algorithm"] for row in rows] == [n["algorithm"] for n in networks]
    assert all(row["task"] == "l1norm" and row["order_parameters"]["strongest_connection"] > 0 for row in rows)
    status, stdout, _ = command("classify", run[0] / networks[0]["file"])
    assert status == 0
    assert "l1norm" in stdout


def test_classify_tells_the_good_files_beside_bad_ones(command: Command, tmp_path: Path, install: Install) -> None:
    """Each bad one is named, whatever is bad about it, and the status is that of the worst."""
    install("broken", BROKEN, kind="classifier")
    good, deep = (random_networks(MLPSpec(sizes), 1)[0] for sizes in ((4, 8, 1), (4, 3, 3, 1)))
    files = [tmp_path / f"{name}.safetensors" for name in ("first", "text", "taskless", "alien", "ill", "deep", "last")]
    first, text, taskless, alien, ill, refused, last = files
    text.write_text("nothing")
    good.save(taskless)
    for file, task in ((first, "l1norm"), (alien, "nowhere"), (ill, "fake"), (last, "l1norm")):
        good.save(file, {"task": task})
    deep.save(refused, {"task": "l1norm"})
    status, stdout, stderr = command("classify", *files, "--json")
    assert status == 2
    assert [row["file"] for row in json.loads(stdout)] == [str(first), str(last)]
    told = stderr.splitlines()
    for line, file, reason in zip(
        told,
        (text, taskless, alien, ill, refused),
        (
            "not a whole safetensors file",
            "does not say its task",
            "unknown task 'nowhere'",
            "broken",
            "one hidden layer",
        ),
        strict=True,
    ):
        assert line.startswith("error: ")
        assert line.count(str(file)) == 1
        assert reason in line


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an analysis try few prices and draw few figures."""
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::15]))
    monkeypatch.setattr(phases, "BETA_GRID", BETA_GRID[::15])
    monkeypatch.setattr(experiment, "NAMES", ["phases", "rate", "encoder", "shuffle"])


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_several_networks_train_one_generator_without_an_encoder(command: Command, tmp_path: Path) -> None:
    """And the middle one of them is analysed."""
    folder, file = tmp_path / "run", tmp_path / "net.safetensors"
    layers = ("--layers", "2,3,1", "--layers", "4-6:2,x2,1", "--layers", "4,8,1")  # the last is there already
    words = (*layers, "--members", 1, "--steps", 3, "--seed", 5, "--out", folder)
    assert command("run", "l1norm", *words)[0] == 0
    assert json.loads(command("inspect", folder, "--json")[1])["network"] == "4,8,1 and 2 more"
    result = result_of(folder)
    assert [spec["sizes"] for spec in result["specs"]] == [[2, 3, 1], [4, 8, 1], [6, 12, 1]]
    assert len(result["networks"]) == 3
    for row in result["networks"]:
        assert MLPWeights.load(folder / row["file"])[0].spec.sizes == (4, 8, 1)
        assert (row["kl"], row["loss"]) == (0, row["decoder_loss"])
    drawn = {Path(figure).stem for figure in result["figures"]}
    assert "phases" in drawn
    assert not {"rate", "encoder", "shuffle"} & drawn
    for sizes in ("6,12,1", "5,3,2,1"):
        assert command("generate", folder, "--beta", 1, "--seed", 5, "--layers", sizes, "--out", file)[0] == 0
        network, metadata = MLPWeights.load(file)
        assert str(network.spec) == sizes
        assert (metadata["encoder"], float(metadata["kl"])) == ("0", 0)
    assert command("generate", folder, "--beta", 1, "--seed", 5, "--out", file)[0] == 0  # the network that was analysed
    network, metadata = MLPWeights.load(file)
    recorded = MLPWeights.load(folder / result["networks"][-1]["file"])
    torch.testing.assert_close(network.weights, recorded[0].weights)
    assert recorded[1]["encoder"] == metadata["encoder"]


@pytest.mark.usefixtures("few")
def test_shipped_generators_are_analysed_without_training(
    run: tuple[Path, str, str], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The members of the run, shipped in two files: the analysis finds in them what it found in the run."""
    members = Generator.load(run[0] / "generator.safetensors")[0]
    shipped, folder = tmp_path / "shipped", tmp_path / "run"
    shipped.mkdir()
    for index, name in enumerate(("first", "second")):
        members.member(index).save(shipped / f"{name}.safetensors")
    Generator.initial([MLPSpec((4, 9, 1))], [stream(0)]).save(shipped / "of another network.safetensors")
    Generator.initial([MLPSpec((4, 8, 1))], [stream(0)], encoder=False).save(shipped / "no encoder.safetensors")
    monkeypatch.setattr(pretrained, "_files", lambda _: sorted(shipped.iterdir()))
    monkeypatch.setattr(L1Norm, "default_spec", MLPSpec((4, 8, 1)))
    status, stdout, _ = command("run", "l1norm", "--pretrained", "--seed", 3, "--out", folder, "--json")
    assert status == 0
    trained = {(row["member"], row["beta"]): row for row in result_of(run[0])["networks"]}
    found = json.loads(stdout)
    assert [row["member"] for row in found["networks"]] == [0, 1] * 3
    for row in found["networks"]:
        expected = trained[row["member"], row["beta"]]
        assert row["algorithm"] == expected["algorithm"]
        assert (row["loss"], row["kl"]) == pytest.approx((expected["loss"], expected["kl"]), rel=1e-3)
    assert "figures/rate.svg" in found["figures"]
    assert "figures/phases.svg" not in found["figures"]
    assert found["recipe"] is None
    assert json.loads(command("inspect", folder, "--json")[1])["steps"] == 0
    assert not (folder / "training").exists()


def test_shipped_generators_of_another_network_are_not_there() -> None:
    assert pretrained.shipped_ensemble("l1norm", L1Norm().default_spec).members >= 1
    with pytest.raises(UsageError, match=r"task l1norm ships no generators of 4,8,1: train some instead"):
        pretrained.shipped_ensemble("l1norm", MLPSpec((4, 8, 1)))


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_draw(run: tuple[Path, str, str], command: Command, tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = run[0] / result_of(run[0])["networks"][0]["file"]
    for layout in ("force", "layered"):
        picture = tmp_path / f"{layout}.{suffix}"
        assert command("draw", file, "--out", picture, "--layout", layout)[0] == 0
        assert picture.read_bytes().startswith(magic)


def test_inspect(run: tuple[Path, str, str], command: Command) -> None:
    status, stdout, _ = command("inspect", run[0], "--json")
    facts = json.loads(stdout)
    assert (status, facts["network"], facts["members"], facts["trained"]) == (0, "4,8,1", 2, True)
    assert "generator" in command("inspect", run[0] / "generator.safetensors")[1]
    file = run[0] / result_of(run[0])["networks"][0]["file"]
    assert "weights  40" in command("inspect", file)[1]


def test_plugins_list(command: Command) -> None:
    status, stdout, _ = command("plugins", "list", "--json", "--check")
    assert status == 0
    assert {"task", "classifier", "visualizer", "engine"} == {plugin["kind"] for plugin in json.loads(stdout)}


REFUSED = [
    (2, ["run", "l1nrm"], "did you mean l1norm?"),
    (2, ["run", "l1norm", "--layers", "16,x,1"], "'16,x,1' is no network"),
    (2, ["run", "l1norm", "--layers", "16,0,1"], "sizes[1] is 0: expected int >= 1"),
    (2, ["run", "l1norm", "--layers", "16,48,2"], "output"),
    (2, ["run", "l1norm", "--layers", "16,99999999,1"], "are free: at most"),
    (2, ["run", "l1norm", "--layers", "missing.toml"], "cannot read missing.toml: no such file"),
    (2, ["run", "l1norm", "--members", "0"], "--members"),
    (2, ["run", "l1norm", "--preset", "huge"], "unknown preset 'huge': there are quick and paper"),
    (2, ["run", "l1norm", "--device", "tpu"], "device 'tpu' is none of auto, cpu, cuda, cuda:N"),
    (2, ["run", "l1norm", "--resume", "--out", "nowhere"], "nowhere holds no run"),
    (2, ["run", "l1norm", "--resume", "--steps", "9"], "a resumed run keeps its --steps"),
    (2, ["run", "l1norm", "--resume"], "nothing to resume in runs/l1norm"),
    (2, ["run", "l1norm", "--resume", "--pretrained"], "a resumed run keeps its --pretrained"),
    (2, ["run"], "name a TASK, such as formula or l1norm or "),
    (1, ["run", "--from", "nothing"], "cannot read nothing: "),
    (2, ["run", "--from", "nothing", "--steps", "5"], "a repeated run has its --steps: leave them out, or --from"),
    (2, ["run", "l1norm", "--pretrained", "--steps", "5"], "shipped generators have their own --steps: leave them out"),
    (2, ["run", "l1norm", "--pretrained", "--device", "cpu"], "shipped generators have their own --device"),
    (2, ["run", "l1norm", "--pretrained", "--layers", "4,8,1"], "shipped generators have their own --layers"),
    (2, ["run", "l1norm", "--wiring", "2"], "--wiring"),
    (2, ["run", "l1norm", "--layers", "8-4,1"], "is no size: ranges count up"),
    (2, ["run", "l1norm", "--layers", "4,8,1", "--layers", "4-6,8,2"], "output"),
    (2, ["run", "l1norm", "--layers", "4,8,1", "--layers", "16,99999999,1"], "are free: at most"),
    (2, ["figures", "."], "holds no run"),
    (2, ["figures", ".", "--only", "phase"], "unknown figure 'phase': there are algorithms, order-space"),
    (
        1,
        ["generate", "l1norm/other", "--beta", "1", "--out", "x.safetensors"],
        "neither a file nor a shipped generator",
    ),
    (2, ["fly"], "No such command 'fly'"),
    (1, ["generate", "nothing.safetensors", "--beta", "1", "--out", "x.safetensors"], "no such file"),
    (2, ["generate", "nothing", "--beta", "0", "--out", "x.safetensors"], "beta 0.0 is no price"),
    (2, ["generate", "nothing", "--beta", "nan", "--out", "x.safetensors"], "beta nan is no price"),
    (2, ["generate", "nothing", "--beta", "cheap", "--out", "x.safetensors"], "--beta"),
    (1, ["classify", "nothing.safetensors"], "cannot read nothing.safetensors: no such file"),
    (1, ["draw", "nothing.safetensors", "--out", "x.png"], "no such file"),
    (2, ["inspect", "."], "holds no run"),
    (2, ["generate", "l1norm/memorised", "--beta", "1e9", "--out", "x.safetensors"], "trained from 1e-12"),
    (2, ["run", "l1norm", "--device", "cuda:\u00b2"], "is none of auto"),
    (2, ["run", "l1norm", "--seed", "-1"], "--seed"),
    (2, ["run", "l1norm", "--resume", "--seed", "4"], "a resumed run keeps its --seed"),
    (1, ["classify", "[/b].safetensors"], "[/b].safetensors"),
]


@pytest.mark.parametrize(
    ("expected", "words", "message"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_bad_usage_is_told_in_one_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: int, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, stdout, stderr = command(*words)
    assert status == expected
    assert message in stderr
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert not stdout
    assert not list(tmp_path.iterdir())


def broken_files(run: Path, folder: Path) -> dict[str, str]:
    """Files that are no networks, and what should be said of each."""
    good = run / result_of(run)["networks"][0]["file"]
    tensors, metadata = load_file(good), {"format": "hypergraph-mlp", "format_version": "1"}
    spec = MLPWeights.load(good)[0].spec.to_json()
    (folder / "text.safetensors").write_text("not tensors at all")
    (folder / "short.safetensors").write_bytes(good.read_bytes()[:-40])
    save_file({"a": torch.zeros(1)}, folder / "bare.safetensors")
    save_file({"a": torch.zeros(1)}, folder / "keys.safetensors", {**metadata, "spec": spec})
    save_file({**tensors, "0.weight": torch.zeros(3, 3)}, folder / "shape.safetensors", {**metadata, "spec": spec})
    save_file(
        {**tensors, "0.bias": torch.full((8,), torch.nan)}, folder / "nan.safetensors", {**metadata, "spec": spec}
    )
    save_file(tensors, folder / "spec.safetensors", {**metadata, "spec": "[1, 2"})
    return {
        "text": "is not a whole safetensors file",
        "short": "is not a whole safetensors file",
        "bare": "a is neither the weight nor the bias of a linear layer",
        "keys": "its spec 4,8,1 needs 0.bias, 0.weight",
        "shape": "0.weight has shape (3, 3)",
        "nan": "0.bias holds NaN or infinity",
        "spec": "the spec is not JSON",
    }


def test_bad_files_are_told_in_one_line(run: tuple[Path, str, str], command: Command, tmp_path: Path) -> None:
    for name, message in broken_files(run[0], tmp_path).items():
        for words in (["classify"], ["inspect"], ["draw", "--out", tmp_path / "x.png"]):
            status, stdout, stderr = command(*words, tmp_path / f"{name}.safetensors")
            assert (status, stdout, stderr.count("\n")) == (1, "", 1), (name, stderr)
            assert message in stderr
    assert not (tmp_path / "x.png").exists()


def test_a_broken_generator_is_told_in_one_line(run: tuple[Path, str, str], command: Command, tmp_path: Path) -> None:
    good = (run[0] / "generator.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(good[: len(good) // 2])
    network = run[0] / result_of(run[0])["networks"][0]["file"]
    for file in (tmp_path / "short.safetensors", network):
        status, _, stderr = command("generate", file, "--beta", "1e-3", "--out", tmp_path / "x.safetensors")
        assert (status, stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "x.safetensors").exists()


def test_a_folder_that_cannot_be_written_is_told(run: tuple[Path, str, str], command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "x.safetensors"
    status, _, stderr = command("generate", run[0], "--beta", "1e-3", "--out", target)
    assert (status, stderr.count("\n")) == (1, 1)
    assert f"cannot write {target.parent}: File exists" in stderr
    status, _, stderr = command("run", "l1norm", "--layers", "4,8,1", "--out", tmp_path / "file" / "run")
    assert (status, stderr.count("\n")) == (1, 1)


def test_a_full_disk_leaves_the_old_file(run: tuple[Path, str, str], command: Command, tmp_path: Path) -> None:
    """A file-size limit of the process stands in for a full disk."""
    target = tmp_path / "x.safetensors"
    target.write_text("precious")
    words = ["generate", str(run[0]), "--beta", "1e-3", "--out", str(target)]
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        f"sys.argv = ['hypergraph', *{words!r}]\n"
        "from hypergraph.cli import main; main()"
    )
    done = finished(sys.executable, "-c", code)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "cannot write" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    assert target.read_text() == "precious"


def test_a_second_run_does_not_write_over_the_first(run: tuple[Path, str, str], command: Command) -> None:
    status, _, stderr = command("run", "l1norm", "--out", run[0])
    assert status == 2
    assert "already holds a run: continue it with --resume" in stderr


@pytest.mark.slow
def test_deep_networks_with_skips_and_masks_run_without_a_classifier(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::15]))
    (tmp_path / "deep.toml").write_text(
        'sizes = [3, 4, 4, 1]\nactivation = "relu"\nbias = false\nskips = [[0, 2], [0, 3]]\n'
        '[[masks]]\nsource = 0\ntarget = 1\nrows = ["110", "011", "101", "111"]\n'
    )
    words = ("--layers", tmp_path / "deep.toml", "--members", 1, "--steps", 3, "--out", tmp_path / "run")
    status, stdout, _ = command("run", "l1norm", *words, "--json")
    assert status == 0
    result = json.loads(stdout)
    network = result["networks"][0]
    assert network["algorithm"] in result["algorithms"]
    drawn = {Path(figure).stem for figure in result["figures"]}
    others = {"algorithms", "families", "encoder", "baseline", "rate", "shuffle"}
    assert drawn == {"order-space", "phases", "outcomes", "ablation", *others}
    state = load_file(tmp_path / "run" / network["file"])
    assert set(state) == {"0.weight", "2.weight", "4.weight", "skip_0_2.weight", "skip_0_3.weight"}
    assert (state["0.weight"] == 0).nonzero().tolist() == [[0, 2], [1, 0], [2, 1]]


def test_options_come_from_the_environment(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERGRAPH_RUN_PRESET", "huge")
    assert "unknown preset 'huge'" in command("run", "l1norm")[2]
    monkeypatch.setenv("HYPERGRAPH_RUN_LAYERS", "16,x")
    assert "'16,x' is no network" in command("run", "l1norm", "--preset", "quick")[2]


def test_modes_of_written_files_follow_the_umask(run: tuple[Path, str, str]) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((run[0] / "result.json").stat().st_mode) == 0o666 & ~mask
