"""The report of a run: what the page is given, against what the run has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from folders import state_of
from torch import Tensor

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import generate, generate_along
from hypergraph.experiment.api import open_run
from hypergraph.experiment.report import report_if_possible
from hypergraph.model.generator import Generator
from hypergraph.report import drawings
from hypergraph.report.blobs import Array, Blobs, pack_frames
from hypergraph.report.page import page, policy
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Noticed
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout.visualizer import ForceLayout
from report.contents import contents, unpacked

Command = Callable[..., tuple[int, str, str]]
VENDOR = Path(drawings.__file__).parent / "page" / "vendor"


def frames(blob: bytes, width: int, kind: type[np.signedinteger[Any]]) -> Array:
    """What `pack_frames` packed: [frame, width]."""
    size = np.dtype(kind).itemsize
    changes = np.frombuffer(blob, np.uint8).reshape(size, -1).T.copy().view(kind).reshape(-1, width)
    return np.cumsum(changes, 0, dtype=kind)


@pytest.fixture(scope="module")
def read(run: tuple[Path, str, str]) -> tuple[dict[str, Any], list[bytes]]:
    (only,), blobs = contents((run[0] / "report.html").read_text())
    return only, blobs


def test_every_run_ends_with_the_path_of_its_report(run: tuple[Path, str, str]) -> None:
    assert run[2].splitlines()[-1] == f"To look at: {run[0] / 'report.html'}"


def test_the_page_has_the_numbers_of_the_result(
    run: tuple[Path, str, str], read: tuple[dict[str, Any], list[bytes]]
) -> None:
    result, found = json.loads((run[0] / "result.json").read_text()), read[0]
    for record, shown in zip(result["networks"], found["networks"], strict=True):
        label = None if record["algorithm"] is None else found["labels"][shown["label"]]["name"]
        assert (found["betas"][shown["beta"]], label) == (record["beta"], record["algorithm"])
        for name in ("member", "loss", "kl", "decoder_loss", "confidence", "order_parameters", "file"):
            assert shown[name] == record[name]
    programs = {program["family"]: program for program in result["programs"]}
    assert programs
    assert all(row["program"] == programs.get(row["name"]) for row in found["families"]["rows"])
    assert found["config"] == json.loads((run[0] / "config.json").read_text())
    assert {label["name"]: label["colour"] for label in found["labels"]} == result["algorithms"]


def test_the_page_holds_the_very_files_of_the_networks(
    run: tuple[Path, str, str], read: tuple[dict[str, Any], list[bytes]]
) -> None:
    found, blobs = read
    for drawing in found["drawings"]:
        whole, files = blobs[drawing["files"]["blob"]], drawing["files"]
        ends = np.cumsum(files["sizes"])
        for beta, size, end in zip(drawing["betas"], files["sizes"], ends, strict=True):
            (record,) = (n for n in found["networks"] if (n["member"], n["beta"]) == (drawing["member"], beta))
            assert whole[end - size : end] == (run[0] / record["file"]).read_bytes()


def test_weights_in_training_are_right_to_half_a_unit(
    run: tuple[Path, str, str], read: tuple[dict[str, Any], list[bytes]]
) -> None:
    found, blobs = read
    opened, drawing = open_run(run[0]), found["drawings"][1]
    spec, training = opened.config.spec, found["drawings"][1]["training"]
    sizes = [spec.count(c) for c in spec.connections] + list(spec.sizes[1:])
    whole = frames(blobs[training["weights"]], sum(sizes), np.int8)
    scales = np.frombuffer(blobs[training["scales"]], "<f4").reshape(-1, len(sizes))
    step = len(training["steps"]) // 2
    (file,) = (
        file for at, members, file in opened.directory.checkpoints() if at == training["steps"][step] and 1 in members
    )
    generator = Generator.load(file)[0]
    for place in (0, 15, 30):
        frame = step * len(training["betas"]) + place
        beta = found["betas"][training["betas"][place]]
        exact = generate(generator, beta, seed=opened.config.seed, members=[drawing["member"]], spec=spec).networks[0]
        tensors = [tensor.flatten().numpy() for tensor in (*exact.weights, *exact.biases)]
        rounded = np.split(whole[frame], np.cumsum(sizes)[:-1])
        for tensor, integers, scale in zip(tensors, rounded, scales[frame], strict=True):
            assert abs(tensor).max() == pytest.approx(127 * scale, rel=1e-4)
            assert np.abs(tensor - integers * scale).max() <= 0.501 * scale


def test_neurons_glide_from_price_to_price_and_from_step_to_step(read: tuple[dict[str, Any], list[bytes]]) -> None:
    found, blobs = read
    neurons = sum(found["spec"]["sizes"])
    for drawing in found["drawings"]:
        prices, steps = len(drawing["betas"]), len(drawing["training"]["steps"])
        places = frames(blobs[drawing["layouts"]["force"]], 2 * neurons, np.int16).reshape(-1, neurons, 2) / 32767
        end, training = places[:prices], places[prices:].reshape(steps, prices, neurons, 2)
        assert np.abs(places).max() == pytest.approx(1)
        between_neurons = np.linalg.norm(places - np.roll(places, 1, axis=1), axis=-1).mean()
        for moved in (np.diff(end, axis=0), np.diff(training, axis=0), end - training[-1]):
            assert np.linalg.norm(moved, axis=-1).mean() < between_neurons / 4


def test_frames_are_packed_as_differences_that_wrap_around() -> None:
    values = np.array([[-32767, 5], [32767, 5], [0, -1]], np.int16)
    assert np.array_equal(frames(unpacked(pack_frames(values)), 2, np.int16), values)


def test_prices_at_once_give_the_networks_of_prices_one_by_one(run: tuple[Path, str, str]) -> None:
    opened = open_run(run[0])
    one, spec = opened.generator.member(1), opened.config.spec
    betas = [1e-12, 1e-5, 1.0]
    along = generate_along(one, betas, seed=3, member=1, spec=spec)
    for index, beta in enumerate(betas):
        single = generate(one, beta, seed=3, members=[1], spec=spec).networks[0]
        for tensor, other in zip(
            along[index].weights + along[index].biases, single.weights + single.biases, strict=True
        ):
            torch.testing.assert_close(tensor, other)


def test_the_command_of_a_network_in_training_writes_it(copied: Path, command: Command, tmp_path: Path) -> None:
    """The member has a number of its own in its chunk, and another in the run."""
    steps = [step for step, members, _ in open_run(copied).directory.checkpoints() if 1 in members]
    out = tmp_path / "net.safetensors"
    words = ("generate", copied, "--member", "1", "--beta", "1e-08", "--seed", "3", "--step", steps[-1], "--out", out)
    assert command(*words)[0] == 0
    (record,) = (n for n in open_run(copied).result.networks if (n.member, f"{n.beta:.0e}") == (1, "1e-08"))
    last, end = (MLPWeights.load(path)[0] for path in (out, copied / record.file))
    torch.testing.assert_close(last.weights[0], end.weights[0])
    told = []
    for step in (steps[0], steps[-1]):
        assert command(*words[:-3], step, "--out", out)[0] == 0
        told.append(MLPWeights.load(out)[1]["encoder"])
    assert told == ["0", "1"]  # it starts unwired, so its decoder is trained alone at first
    assert command(*words[:-3], 7, "--out", out)[::2] == (
        2,
        f"error: {copied} has no checkpoint of member 1 after step 7: there are {', '.join(map(str, steps))}\n",
    )


def test_several_runs_have_one_page_and_nothing_is_written_into_them(
    copied: Path, command: Command, tmp_path: Path
) -> None:
    before = state_of(copied)
    out = tmp_path / "both.html"
    assert command("report", copied, copied, "--out", out)[:2] == (0, f"{out}\n")
    assert {**state_of(copied), str(copied / "lock"): ()} == {**before, str(copied / "lock"): ()}
    assert len(contents(out.read_text())[0]) == 2
    status, _, stderr = command("report", copied, copied)
    assert (status, stderr) == (2, "error: several runs have one report: name its file with --out\n")


def test_the_same_run_gives_the_same_page(run: tuple[Path, str, str], copied: Path, command: Command) -> None:
    (copied / "report.html").unlink()
    assert command("report", copied)[0] == 0
    assert (copied / "report.html").read_bytes() == (run[0] / "report.html").read_bytes()


def test_what_is_too_large_is_left_out_and_told(
    copied: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(drawings, "MAX_BYTES", 4_000)
    out = tmp_path / "small.html"
    assert command("report", copied, "--out", out)[0] == 0
    (found,), _ = contents(out.read_text())
    assert found["drawings"][0]["betas"] == list(range(0, 31, 3))
    assert found["drawings"][0]["training"]["betas"] == [0, 30]
    assert "networks are shown at one price of 3, because all would make the page too large" in found["notes"]


def test_texts_of_strangers_stay_texts(read: tuple[dict[str, Any], list[bytes]]) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>@scripts@ &amp;"
    found = {**read[0], "title": evil, "labels": [{"name": evil, "colour": "#000000"}] * 9}
    found["config"] = {**read[0]["config"], "task": evil, "options": {evil: evil}, "versions": {evil: evil}}

    html, plain = page([found], Blobs()), page([read[0]], Blobs())
    assert "<img" not in html
    assert html.count("<script") == plain.count("<script")
    assert "@scripts@" in html


def test_the_policy_admits_the_style_and_the_scripts_of_the_page_alone(run: tuple[Path, str, str]) -> None:
    html = (run[0] / "report.html").read_text()
    style = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    scripts = re.findall('<script(?: type="module")?>(.*?)</script>', html, re.DOTALL)
    assert len(style) == 1
    assert len(scripts) == 2
    assert policy(style[0], *scripts) in html
    assert html.index("Content-Security-Policy") < html.index("<title>") < html.index("<style>")
    assert not re.findall(r'(?:src|href)="(?!data:,|#)[^"]*"', html)


def test_libraries_are_those_that_are_pinned() -> None:
    pins = json.loads((VENDOR / "packages.json").read_text())
    assert {file.name for file in VENDOR.glob("*.js")} == {f"{name}.min.js" for name in pins}
    for name, pin in pins.items():
        assert sha256((VENDOR / f"{name}.min.js").read_bytes()).hexdigest() == pin["sha256"]
        assert f"{name} {pin['version']}\n" in (VENDOR / "LICENSES.txt").read_text()


def test_a_broken_visualizer_fails_the_report_and_not_the_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []

    def broken(*_: object, **__: object) -> Tensor:
        raise ValueError("no luck")

    monkeypatch.setattr(ForceLayout, "positions", broken)
    report_if_possible(FinishedRun(RunDirectory.open(copied), told.append))
    (notice,) = (event.text for event in told if isinstance(event, Noticed))
    assert notice.startswith("no report: ")
    assert "no luck" in notice


def test_without_places_the_page_says_why_nothing_is_drawn(
    copied: Path, monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
) -> None:
    monkeypatch.setattr(drawings, "working_visualizers", list)
    out = tmp_path / "bare.html"
    assert command("report", copied, "--out", out)[0] == 0
    (found,), _ = contents(out.read_text())
    assert found["drawings"][0]["layouts"] == {}
    assert "no installed visualizer knows the places of neurons: networks are not drawn" in found["notes"]
