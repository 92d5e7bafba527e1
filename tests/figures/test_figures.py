"""The figures of a run: all that its data allow, with the numbers of its result, and what the others lack."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from folders import state_of
from matplotlib.figure import Figure

from hypergraph.analysis import phases as phases_module
from hypergraph.analysis import sizes as sizes_analysis
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.sizes import losses_at_size
from hypergraph.analysis.sweep import BETA_GRID
from hypergraph.cli import figures as command_module
from hypergraph.engines.chunk import checkpoint_steps
from hypergraph.errors import FileError
from hypergraph.figures import NAMES
from hypergraph.figures.ablation import own_and_others
from hypergraph.figures.catalogue import FIGURES, draw
from hypergraph.model.generator import Generator
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Drawn
from hypergraph.storage.atomic import write_json
from hypergraph.storage.untrusted import read_json
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

Command = Callable[..., tuple[int, str, str]]
Row = dict[str, Any]
SUFFIXES = (".svg", ".png", ".csv")


def table(folder: Path, name: str) -> list[Row]:
    """The numbers of a figure."""
    with (folder / "figures" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def networks(folder: Path) -> dict[tuple[int, float], Row]:
    """The result's rows by member and beta."""
    return {(row["member"], row["beta"]): row for row in read_json(folder / "result.json")["networks"]}


def key(row: Row) -> tuple[int, float]:
    return int(row["member"]), float(row["beta"])


def drawn(folder: Path, *names: str) -> dict[str, list[Path] | str]:
    """Draw figures: of each, the files or the reason why there are none."""
    events = draw(FinishedRun(RunDirectory.open(folder)), names)
    return {event.figure: list(event.files) if isinstance(event, Drawn) else event.reason for event in events}


def test_every_figure_is_in_the_catalogue_in_the_order_of_their_names() -> None:
    assert list(FIGURES) == list(NAMES)


def test_all_that_the_data_allow_is_drawn_and_the_rest_is_explained(
    run: tuple[Path, str, str], copied: Path, command: Command
) -> None:
    """And drawn again, a figure has the same bytes."""
    shutil.rmtree(copied / "figures")
    status, stdout, _ = command("figures", copied, "--json")
    assert status == 0
    told = json.loads(stdout)
    assert list(told["figures"]) == [name for name in NAMES if name not in ("sizes", "unseen")]
    assert set(told["missing"]) == {"sizes", "unseen"}
    assert "no member" in told["missing"]["unseen"]
    assert "no member solves the task with its encoder ignored: the best loss is" in told["missing"]["sizes"]
    for name, paths in told["figures"].items():
        assert paths == [str(copied / "figures" / f"{name}{suffix}") for suffix in SUFFIXES]
        for path in map(Path, paths):
            first = run[0] / path.relative_to(copied)
            assert path.read_bytes() == first.read_bytes(), path
    assert len(list((copied / "figures").iterdir())) == 3 * len(told["figures"])


def test_a_finished_run_is_drawn_without_being_measured(
    run: tuple[Path, str, str], copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object, **__: object) -> None:
        raise AssertionError("a figure measures")

    for name in ("forward", "draw"):
        monkeypatch.setattr(Generator, name, measure)
    for name in ("sample", "loss"):
        monkeypatch.setattr(L1Norm, name, measure)
    shutil.rmtree(copied / "figures")
    assert [name for name, paths in drawn(copied, *NAMES).items() if isinstance(paths, str)] == ["sizes", "unseen"]
    for path in (copied / "figures").iterdir():
        assert path.read_bytes() == (run[0] / "figures" / path.name).read_bytes(), path.name


def test_a_run_of_an_earlier_release_is_measured_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no folder of analyses."""
    monkeypatch.setattr(phases_module, "BETA_GRID", BETA_GRID[::10])
    shutil.rmtree(copied / "analysis")
    first = drawn(copied, "phases", "baseline", "shuffle", "ablation")
    tables = {name: table(copied, name) for name in first}
    monkeypatch.setattr(L1Norm, "sample", None)
    assert drawn(copied, *first) == first
    assert {name: table(copied, name) for name in first} == tables
    assert all(isinstance(paths, list) for paths in first.values())


def test_figures_are_told_in_a_line_each(copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "NAMES", {"rate": "loss by KL", "sizes": ""})
    status, stdout, _ = command("figures", copied)
    assert status == 0
    drawn, missing = stdout.splitlines()
    assert drawn == f"{copied / 'figures' / 'rate.svg'}: loss by KL"
    assert missing.startswith("sizes not drawn: no member solves the task with its encoder ignored: the best loss is")


def test_only_what_was_asked_for_is_drawn(copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases_module, "BETA_GRID", BETA_GRID[::10])
    shutil.rmtree(copied / "figures")
    assert command("figures", copied, "--only", "phases")[0] == 0
    assert {path.name for path in (copied / "figures").iterdir()} == {f"phases{suffix}" for suffix in SUFFIXES}


def test_figures_are_drawn_elsewhere_without_a_write_into_the_run(
    copied: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose analyses it keeps, from these; the others are measured for this once."""
    monkeypatch.setattr(command_module, "NAMES", {"phases": "", "baseline": "", "shuffle": ""})
    shutil.rmtree(copied / "analysis" / "shuffle")
    monkeypatch.setattr(phases_module, "BETA_GRID", None)  # the phases are read, not measured
    before = state_of(copied)
    assert command("figures", copied, "--out", tmp_path / "new" / "out")[0] == 0
    assert state_of(copied) == before
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "new" / "out").iterdir()}
    assert len(drawn) == 3 * len(SUFFIXES)
    assert drawn == {name: (copied / "figures" / name).read_bytes() for name in drawn}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_was_asked_for_and_cannot_be_drawn_is_an_error(copied: Path, command: Command, form: list[str]) -> None:
    status, stdout, stderr = command("figures", copied, "--only", "sizes", *form)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert "error: sizes not drawn: no member solves the task with its encoder ignored" in stderr


def test_an_unknown_figure_is_told_with_those_that_there_are(copied: Path, command: Command) -> None:
    status, stdout, stderr = command("figures", copied, "--only", "phases", "--only", "phase")
    assert (status, stdout, stderr.count("\n")) == (2, "", 1)
    assert f"unknown figure 'phase': there are {', '.join(NAMES)}" in stderr


@pytest.mark.parametrize("lacking", ["result.json", "generator.safetensors"])
def test_an_unfinished_run_is_refused_in_one_line(copied: Path, command: Command, lacking: str) -> None:
    (copied / lacking).unlink()
    status, stdout, stderr = command("figures", copied)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert f"{copied} is not finished: go on with hypergraph run l1norm --resume" in stderr


def test_a_run_of_which_there_is_no_more_than_its_configuration_is_refused(
    run: tuple[Path, str, str], command: Command, tmp_path: Path
) -> None:
    shutil.copy(run[0] / "config.json", tmp_path)
    status, stdout, stderr = command("figures", tmp_path, "--json")
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert "is not finished" in stderr


def test_a_run_without_checkpoints_has_the_other_figures(copied: Path) -> None:
    shutil.rmtree(copied / "figures")
    for folder in (copied / "training").glob("*/checkpoints"):
        shutil.rmtree(folder)
    found = drawn(copied, "phases", "encoder", "outcomes", "shuffle")
    for name, paths in found.items():
        if name in ("phases", "outcomes"):
            assert paths == f"{copied} keeps no checkpoints of a training"
        else:
            assert paths == [copied / "figures" / f"{name}{suffix}" for suffix in SUFFIXES]
    assert {row["outcome"] for row in table(copied, "encoder")} == {"unknown"}


def test_losses_and_information_are_those_of_the_result(run: tuple[Path, str, str]) -> None:
    result = networks(run[0])
    rate, encoder = table(run[0], "rate"), table(run[0], "encoder")
    assert [key(row) for row in rate] == [key(row) for row in encoder] == sorted(result)
    for row in rate:
        network = result[key(row)]
        assert (float(row["kl"]), float(row["loss"])) == (network["kl"], network["loss"])
        assert row["algorithm"] == network["algorithm"]
    for row in encoder:
        network = result[key(row)]
        assert (float(row["loss"]), float(row["decoder_loss"])) == (network["loss"], network["decoder_loss"])


def test_the_last_phases_are_those_of_the_result(run: tuple[Path, str, str]) -> None:
    result, phases = networks(run[0]), table(run[0], "phases")
    assert Counter((int(row["step"]), *key(row)) for row in phases) == Counter(
        (step, *place) for step in checkpoint_steps(30) for place in result
    )
    for row in phases:
        if row["step"] == "30":
            network = result[key(row)]
            assert row["algorithm"] == network["algorithm"]
            assert float(row["kl"]) == pytest.approx(network["kl"], rel=1e-3, abs=1e-3)
            assert float(row["loss"]) == pytest.approx(network["loss"], rel=0.3)


def test_members_are_counted_by_the_outcome_that_their_phases_have(run: tuple[Path, str, str]) -> None:
    counted, classifier = table(run[0], "outcomes"), L1NormClassifier()
    assert {row["outcome"]: row["meaning"] for row in counted} == dict(classifier.outcomes)
    outcomes = {(row["member"], row["outcome"]) for row in table(run[0], "phases")}
    assert Counter(outcome for _, outcome in outcomes) == {
        row["outcome"]: int(row["members"]) for row in counted if int(row["members"])
    }
    for row in counted:
        assert float(row["low"]) <= int(row["members"]) / int(row["of"]) <= float(row["high"])
        assert row["of"] == "2"
    assert {(row["member"], row["outcome"]) for row in table(run[0], "encoder")} == outcomes


def test_the_best_network_of_every_variety_is_shown(run: tuple[Path, str, str]) -> None:
    result, shown = networks(run[0]), table(run[0], "algorithms")
    for row in shown:
        alike = [network for network in result.values() if row["algorithm"].endswith(network["algorithm"])]
        assert result[key(row)] in alike
        assert float(row["loss"]) == result[key(row)]["loss"]
        assert "pudding" in row["algorithm"] or float(row["loss"]) == min(network["loss"] for network in alike)
    assert {row["algorithm"].split()[-1] for row in shown} == {network["algorithm"] for network in result.values()}


def test_what_is_shuffled_and_what_is_cut_are_the_best_networks(run: tuple[Path, str, str]) -> None:
    result = networks(run[0])
    for row in table(run[0], "shuffle"):
        best = min(
            (network for (member, _), network in result.items() if member == int(row["member"])),
            key=lambda n: n["loss"],
        )
        assert (float(row["beta"]), float(row["loss"]), float(row["kl"])) == (best["beta"], best["loss"], best["kl"])
        assert float(row["shuffled_loss"]) != best["loss"]
    cut = table(run[0], "ablation")
    chosen = {(row["algorithm"], *key(row)) for row in cut}
    assert sorted((label, member) for label, member, _ in chosen) == sorted(
        {(network["algorithm"], network["member"]) for network in result.values()}
    )
    for label, member, beta in chosen:
        alike = [n["loss"] for n in result.values() if (n["algorithm"], n["member"]) == (label, member)]
        assert result[member, beta]["loss"] == min(alike)
        rows = [row for row in cut if (row["algorithm"], *key(row)) == (label, member, beta)]
        assert [(int(row["ablated_input"]), int(row["input"])) for row in rows] == list(product(range(4), range(4)))


def test_inputs_are_numbered_whole(run: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypergraph.figures.ablation.plotted", lambda rows, size, plot: plot)
    plot: Any = FIGURES["ablation"](FinishedRun(RunDirectory.open(run[0])))
    figure = Figure(figsize=(4.7, 4.4))
    plot(figure)
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        assert [tick for tick in axis.get_majorticklocs() if -0.5 <= tick <= 3.5] == [0, 1, 2, 3]


def test_an_ablation_is_summed_up_by_the_median_of_its_own_and_the_worst_of_the_others() -> None:
    growth = torch.tensor([[3.0, 0.1, -0.5], [0.0, 1.0, 0.2], [0.0, 0.0, 2.0]])
    assert own_and_others(growth) == (2.0, 0.5)
    assert own_and_others(torch.ones(1, 1)) == (1.0, 0.0)


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call any network a solution, and measure few sizes on few inputs."""
    monkeypatch.setattr(L1Norm, "solved_loss", 100.0)
    monkeypatch.setattr(sizes_analysis, "FACTORS", (0.5, 1.0, 2.0))
    monkeypatch.setattr(sizes_analysis, "TEST_INPUTS", 1000)


@pytest.mark.usefixtures("solved")
def test_sizes_are_a_map_of_the_best_member_with_its_encoder_ignored(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(L1Norm, "contours", (0.97, 1.02))
    assert drawn(copied, "sizes") == {"sizes": [copied / "figures" / f"sizes{suffix}" for suffix in SUFFIXES]}
    rows = {(int(row["inputs"]), int(row["hidden"])): row for row in table(copied, "sizes")}
    assert set(rows) == {(inputs, hidden) for inputs in (2, 4, 8) for hidden in (4, 8, 16)}
    for (inputs, _), row in rows.items():
        losses = [float(row[name]) for name in sizes_analysis.NORMALISATIONS]
        assert all(math.isfinite(loss) and loss >= 0 for loss in losses)
        assert (losses[0] == pytest.approx(losses[1])) == (inputs == 4)
    assert [place for place, row in rows.items() if row["trained"] == "True"] == [(4, 8)]
    best = min(network["decoder_loss"] for network in networks(copied).values())
    assert float(rows[4, 8]["own"]) == pytest.approx(best, rel=0.3)


@pytest.mark.usefixtures("solved")
def test_sizes_are_kept(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(drawn(copied, "sizes")["sizes"], list)
    numbers = table(copied, "sizes")
    monkeypatch.setattr(L1Norm, "sample", None)
    assert isinstance(drawn(copied, "sizes")["sizes"], list)
    assert table(copied, "sizes") == numbers


@pytest.mark.usefixtures("solved")
def test_no_size_is_measured_twice(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks come out the same by factors that are close."""
    monkeypatch.setattr(sizes_analysis, "FACTORS", (0.375, 0.5, 1.0))
    finished = FinishedRun(RunDirectory.open(copied))
    sizes = [(row["inputs"], row["hidden"]) for row in FIGURES["sizes"](finished).rows]
    assert sizes == [(inputs, hidden) for inputs in (2, 4) for hidden in (3, 4, 8)]


@pytest.fixture
def several(copied: Path) -> FinishedRun:
    """The run, as if its generator had been trained on two networks."""
    config = read_json(copied / "config.json")
    config["specs"] = [{**config["specs"][0], "sizes": sizes} for sizes in ([7, 14, 1], [4, 8, 1])]
    write_json(copied / "config.json", config)
    finished = FinishedRun(RunDirectory.open(copied))
    finished.generator = Generator.load(copied / "generator.safetensors")[0]
    return finished


@pytest.mark.usefixtures("solved")
def test_the_map_of_several_networks_spans_them_and_says_which_were_trained_on(
    several: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes_analysis, "STEPS", 3)
    rows = {(row["inputs"], row["hidden"]): row for row in FIGURES["sizes"](several).rows}
    assert list(rows) == [(inputs, hidden) for inputs in (4, 6, 7) for hidden in (8, 12, 14)]
    assert [place for place, row in rows.items() if row["trained"]] == [(4, 8), (7, 14)]
    unseen = FIGURES["unseen"](several).rows
    assert [(row["inputs"], row["hidden"]) for row in unseen] == [(4, 8), (5, 10), (6, 12), (7, 14)]
    for row in unseen:
        assert row["trained"] == (row["inputs"] in (4, 7))
        place = row["inputs"], row["hidden"]
        assert place not in rows or row == rows[place]


@pytest.mark.usefixtures("solved")
def test_of_several_networks_the_member_is_shown_that_is_best_on_average(several: FinishedRun) -> None:
    means = []
    for member in (0, 1):
        best = min(
            (network for network in several.networks if network.member == member),
            key=lambda network: network.decoder_loss or 0.0,
        )
        one = several.generator.member(member)
        losses = [
            losses_at_size(one, best.beta, several.task, spec, spec, seed=3, member=member)["own"]
            for spec in several.config.specs
        ]
        means.append(sum(losses) / 2)
    shown = [row["own"] for row in FIGURES["unseen"](several).rows if row["trained"]]
    assert means[0] != pytest.approx(means[1])
    assert sum(shown) / 2 == pytest.approx(min(means))


@pytest.mark.parametrize("lost", ["loss", "kl", "decoder_loss"])
def test_networks_that_diverged_are_left_out(copied: Path, lost: str) -> None:
    """A result tells what is not finite as null."""
    result = read_json(copied / "result.json")
    result["networks"][3][lost] = None
    write_json(copied / "result.json", result)
    finished = FinishedRun(RunDirectory.open(copied))
    left = set(networks(copied)) - {key(result["networks"][3])}
    assert [key(row) for row in FIGURES["rate"](finished).rows] == sorted(left)


def test_order_parameters_that_are_not_finite_are_left_out(copied: Path) -> None:
    result = read_json(copied / "result.json")
    result["networks"][3]["order_parameters"]["assignment"] = None
    write_json(copied / "result.json", result)
    assert all(isinstance(paths, list) for paths in drawn(copied, "order-space", "algorithms").values())
    assert len(table(copied, "order-space")) == len(result["networks"]) - 1


@pytest.mark.parametrize("written", [None, [], {}, {"networks": [{"loss": 1.0}]}, {"networks": "none"}])
def test_a_result_that_is_none_is_refused_in_one_line(copied: Path, command: Command, written: object) -> None:
    write_json(copied / "result.json", written)
    status, stdout, stderr = command("figures", copied)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1)
    assert f"{copied / 'result.json'}: " in stderr


@pytest.mark.parametrize("error", [ZeroDivisionError("of a plugin"), FileError("disk full")])
def test_a_figure_that_raises_costs_no_other(
    copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_: FinishedRun) -> None:
        raise error

    monkeypatch.setitem(FIGURES, "phases", broken)
    (copied / "figures" / "rate.svg").unlink()
    status, stdout, stderr = command("figures", copied, "--only", "phases", "--only", "rate", "--json")
    assert (status, stderr.count("\n")) == (1, 1)
    assert stderr.startswith("error: phases not drawn: ")
    assert str(error) in stderr
    told = json.loads(stdout)
    assert list(told["missing"]) == ["phases"]
    assert str(copied / "figures" / "rate.svg") in told["figures"]["rate"]
    assert (copied / "figures" / "rate.svg").exists()
