"""hypergraph discover, and a run of a task without a classifier, whose families stand in for one."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from distributions import Install
from processes import Command

import hypergraph as hg
from hypergraph.analysis import phases
from hypergraph.analysis import sweep as sweeps
from hypergraph.analysis.sweep import BETA_GRID, sweep
from hypergraph.experiment import run as experiment
from hypergraph.interfaces import UNKNOWN

TASK = """
from hypergraph_l1norm.task import L1Norm
class Good(L1Norm):
    pass
"""


def test_families_stand_in_for_a_classifier(
    install: Install, command: Command, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the result, the report, every figure that needs labels, and for further networks."""
    figures = ["algorithms", "order-space", "phases", "families", "outcomes", "rate", "ablation"]
    monkeypatch.setattr(sweeps, "sweep", partial(sweep, betas=BETA_GRID[::10]))
    monkeypatch.setattr(phases, "BETA_GRID", BETA_GRID[::15])
    monkeypatch.setattr(experiment, "NAMES", figures)
    install("fake-dist", TASK)
    folder, config = copied, json.loads((copied / "config.json").read_text())
    (folder / "config.json").unlink()  # it is a link
    (folder / "config.json").write_text(json.dumps({**config, "task": "fake"}))
    status, stdout, stderr = command("run", "fake", "--resume", "--out", folder)
    assert status == 0, stderr
    result = json.loads((folder / "result.json").read_text())
    assert {"border", "constant", UNKNOWN} <= set(result["algorithms"])
    labels = [network["algorithm"] for network in result["networks"]]
    assert None not in labels
    assert set(labels) <= set(result["algorithms"])
    assert all(label in stdout for label in labels)
    assert {Path(figure).stem for figure in result["figures"]} == set(figures)

    run = hg.open_run(folder)
    assert [network.algorithm for network in run.networks] == run.families.families.labels
    file = folder / result["networks"][0]["file"]
    rows = json.loads(command("classify", file, "--like", folder, "--json")[1])
    assert [row["algorithm"] for row in rows] == labels[:1]

    found = json.loads(command("discover", folder, "--json")[1])
    named = {network["file"]: network["family"] or network["label"] for network in found["networks"]}
    assert named == {str(folder / network["file"]): network["algorithm"] for network in result["networks"]}
    assert found["agreement"] is None

    monkeypatch.setattr(experiment, "NAMES", [])
    (folder / "config.json").write_text(json.dumps(config))  # a task with a classifier
    assert command("run", "l1norm", "--resume", "--out", folder)[0] == 0
    result = json.loads((folder / "result.json").read_text())
    assert type(hg.open_run(folder).classifier).__name__ == "L1NormClassifier"
    assert not {network["algorithm"] for network in result["networks"]} & set(labels)


def test_discover_tells_the_families_of_a_run(command: Command, copied: Path) -> None:
    result = json.loads((copied / "result.json").read_text())
    status, stdout, stderr = command("discover", copied, "--json")
    assert (status, stderr) == (0, f"Drawn: {copied}/figures/families.svg\n")
    found = json.loads(stdout)
    files = {str(copied / network["file"]): network for network in result["networks"]}
    names = {family["name"] for family in found["families"]}
    for network in found["networks"]:
        record = files.pop(network["file"])
        assert (network["member"], network["beta"]) == (record["member"], record["beta"])
        assert network["family"] in names | {None}
    assert not files
    for family in found["families"]:
        members = [network["file"] for network in found["networks"] if network["family"] == family["name"]]
        assert family["size"] == len(members)
        assert family["share"] == pytest.approx(len(members) / len(found["networks"]))
        assert family["exemplar"] in members
    assert set(found["agreement"]) == {"ari", "named_once", "one_label", "one_family"}
    assert len(found["tree"]) == len(found["leaves"]) - 1

    _, stdout, _ = command("discover", copied)
    assert all(f"{family['name']}: {family['size']}" in stdout for family in found["families"])
    assert "agreement with the classifier" in stdout


def test_discover_takes_folders_and_several_runs(command: Command, copied: Path, tmp_path: Path) -> None:
    folder = tmp_path / "networks"
    shutil.copytree(copied / "networks", folder)
    alone = json.loads(command("discover", folder, "--json")[1])
    of_run = json.loads(command("discover", copied, "--json")[1])
    assert [family["size"] for family in alone["families"]] == [family["size"] for family in of_run["families"]]
    assert alone["agreement"] == pytest.approx(of_run["agreement"])
    assert alone["ari_member"] == pytest.approx(of_run["ari_member"])
    both = json.loads(command("discover", folder, copied, "--json")[1])
    assert len(both["networks"]) == 2 * len(alone["networks"])
    assert {family["size"] for family in both["families"]} == {2 * family["size"] for family in alone["families"]}


def test_what_cannot_be_grouped_is_told_in_one_line(command: Command, copied: Path, tmp_path: Path) -> None:
    network, *others = sorted((copied / "networks").iterdir())
    weights, metadata = hg.load_network(network), {"task": "l1norm"}
    for folder, told in {
        "plain": {},
        "mixed": {"task": "formula", "options": '{"y": "x0"}'},
        "empty": None,
    }.items():
        (tmp_path / folder).mkdir()
        if told is not None:
            weights.save(tmp_path / folder / "network.safetensors", told)
    shutil.copy(others[0], tmp_path / "mixed")
    small = hg.MLPWeights(hg.MLPSpec((4, 1)), (weights.weights[0][:1, :4],), (weights.biases[0][:1],))
    (tmp_path / "small").mkdir()
    small.save(tmp_path / "small" / "network.safetensors", metadata)
    for arguments, message in [
        (["nowhere"], "there is no "),
        (["empty"], "neither a run nor a folder of networks"),
        (["plain"], "do not say their task: name it"),
        (["mixed"], "are of several tasks: discover each by itself"),
        (["small", "plain", "--task", "l1norm"], "families compare networks with 4 inputs"),
    ]:
        paths = [argument if argument in ("--task", "l1norm") else tmp_path / argument for argument in arguments]
        status, stdout, stderr = command("discover", *paths, "--json")
        assert (bool(status), stdout, stderr.count("\n")) == (True, "", 1), stderr
        assert message in stderr
