"""The report in a real browser: Chromium without a network."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page, sync_playwright
from safetensors.torch import load_file

from hypergraph.report.blobs import Blobs, pack
from hypergraph.report.page import page
from hypergraph.weights import MLPWeights
from report.contents import contents

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "no chromium is installed: the report is not tested in a browser"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Tab:
    """A page, and what it asked for and complained of."""

    def __init__(self, browser: Browser, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, "offline": True, **options})
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-ready]")

    @property
    def caption(self) -> str:
        return self.page.inner_text("#shown")

    def shows(self, text: str) -> None:
        self.page.wait_for_selector(f"#shown:has-text('{text}')")


@pytest.fixture
def tab(browser: Browser, run: tuple[Path, str, str]) -> Iterator[Tab]:
    tab = Tab(browser, run[0] / "report.html", reduced_motion="reduce")
    yield tab
    tab.context.close()


@pytest.fixture(scope="module")
def networks(run: tuple[Path, str, str]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((run[0] / "result.json").read_text())["networks"]
    return records


def price(beta: float) -> str:
    mantissa, exponent = f"{beta:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_asks_for_nothing_complains_of_nothing_and_fits(
    browser: Browser, run: tuple[Path, str, str], scheme: str, width: int
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    tab = Tab(browser, run[0] / "report.html", **options)
    assert tab.requests == [(run[0] / "report.html").as_uri()]
    assert tab.complaints == []
    assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
    tab.context.close()


def test_a_click_on_a_cell_shows_that_network_and_saves_its_file(
    tab: Tab, run: tuple[Path, str, str], networks: list[dict[str, Any]], tmp_path: Path
) -> None:
    (record,) = (n for n in networks if n["member"] == 1 and price(n["beta"]) == "1.0e-4")
    box = tab.page.locator("#phases canvas").first.bounding_box()
    assert box
    x, y = 36 + (box["width"] - 38) * 0.75, 2 + (box["height"] - 4) * (1 - 20.5 / 31)
    tab.page.mouse.click(box["x"] + x, box["y"] + y)
    tab.shows("Member 1, β 1.0e-4")
    assert record["algorithm"] in tab.caption
    network, _ = MLPWeights.load(run[0] / record["file"])
    tab.page.focus("#canvas")
    tab.page.keyboard.press("ArrowLeft")  # the last neuron: the output
    rows = tab.page.locator("#neuron tr").all_inner_texts()
    weights = sorted(network.weights[1][0].tolist(), key=abs, reverse=True)
    assert [float(row.split("\t")[1]) for row in rows] == [float(f"{weight:.3g}") for weight in weights]
    with tab.page.expect_download() as download:
        tab.page.click("#save")
    saved = tmp_path / "saved.safetensors"
    download.value.save_as(saved)
    assert saved.read_bytes() == (run[0] / record["file"]).read_bytes()
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1))
    model.load_state_dict(load_file(saved), strict=True)
    assert tab.complaints == []


def test_sliders_move_by_keys_and_tell_the_numbers_of_the_result(tab: Tab, networks: list[dict[str, Any]]) -> None:
    tab.page.focus("#beta")
    tab.page.keyboard.press("Home")
    tab.shows("β 1.0e-12")
    tab.page.keyboard.press("ArrowRight")
    (record,) = (n for n in networks if n["member"] == 0 and price(n["beta"]) == "2.5e-12")
    tab.page.select_option("#member", "0")
    tab.shows("Member 0, β 2.5e-12")
    (loss,) = re.findall(r"loss (\S+),", tab.caption)
    assert float(loss.replace(",", "")) == pytest.approx(record["loss"], rel=6e-3)
    tab.page.focus("#step")
    tab.page.keyboard.press("ArrowLeft")
    tab.shows(", step ")
    assert tab.page.is_disabled("#save")
    assert " --step " in tab.page.inner_text("#command")
    assert "1/254" in tab.page.inner_text("#rounding")
    tab.page.keyboard.press("End")
    tab.page.wait_for_selector("#save:not([disabled])")


def test_a_slider_plays_and_neurons_glide(browser: Browser, run: tuple[Path, str, str]) -> None:
    tab = Tab(browser, run[0] / "report.html")
    before = tab.page.input_value("#beta")
    tab.page.click("#play-beta")
    for _ in range(100):
        if tab.page.input_value("#beta") != before:
            break
        tab.page.wait_for_timeout(50)
    assert tab.page.input_value("#beta") != before
    assert tab.page.get_attribute("#play-beta", "aria-pressed") == "true"
    assert tab.complaints == []
    tab.context.close()


def test_a_brush_marks_the_same_networks_everywhere(tab: Tab, networks: list[dict[str, Any]]) -> None:
    tab.page.click("#table summary")
    area = tab.page.locator("#rate .area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    left, right, top, bottom = 52, box["width"] - 12, 10, 260
    tab.page.mouse.move(box["x"] + left + 1, box["y"] + top + 1)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + (left + right) / 2, box["y"] + bottom - 1, steps=4)
    tab.page.mouse.up()
    text = tab.page.inner_text("#marked")
    kl = [n["kl"] for n in networks]
    middle = math.sqrt(min(kl) * max(kl)) if max(kl) > 10 * min(kl) > 0 else (min(kl) + max(kl)) / 2
    marked = [n for n in networks if n["kl"] < middle]
    assert text == f"{len(marked)} of {len(networks)} networks are marked"
    rows = tab.page.locator("#table tbody tr").all_inner_texts()
    assert [int(row.split("\t")[0]) for row in rows] == [n["member"] for n in marked]
    tab.page.click("#clear")
    assert tab.page.locator("#table tbody tr").count() == len(networks)
    assert tab.page.is_hidden("#marking")


def test_phases_and_planes_are_worked_by_keys(tab: Tab) -> None:
    first = tab.page.locator("#phases canvas").first
    first.focus()
    before = tab.caption
    for key in ("ArrowUp", "ArrowUp", "ArrowDown"):
        tab.page.keyboard.press(key)
    assert tab.caption != before
    tab.page.locator(".plot .area").first.focus()
    tab.page.keyboard.press("m")
    assert tab.page.inner_text("#marked").startswith("1 of ")
    tab.page.keyboard.press("Escape")
    assert tab.page.is_hidden("#marking")


def test_programs_tell_the_part_of_a_neuron_and_texts_of_strangers_stay_texts(
    browser: Browser, run: tuple[Path, str, str], tmp_path: Path
) -> None:
    evil = "<img src=x onerror=alert(1)></script>"
    (found,), blobs = contents((run[0] / "report.html").read_text())
    row = next(row for row in found["families"]["rows"] if row["exemplar"] is not None)
    numbers = {"kind": "is built as", "bits": 9, "raw_bits": 99, "r2": 1, "loss_before": 0.1, "loss_after": 0.1}
    text = {"text": f"y = x {evil}", "latex": evil, "python": evil}
    row |= {"program": {**numbers, "program": text, "roles": [{"term": evil, "neurons": [[1, 0]]}]}}
    found |= {"title": evil, "notes": [evil], "failures": [evil]}
    for label in found["labels"]:
        label["name"] += evil
    packed = Blobs()
    packed.texts = list(map(pack, blobs))
    file = tmp_path / "strange.html"
    file.write_text(page([found, found], packed))
    tab = Tab(browser, file, reduced_motion="reduce")
    tab.page.click("#table summary")
    tab.page.click(f".family > button[aria-label*='{row['name']}:']")
    tab.page.wait_for_selector(f"#neuron :text('{text['text']}')")
    tab.page.focus("#canvas")
    for _ in range(found["spec"]["sizes"][0] + 1):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.inner_text("#neuron strong") == evil
    assert tab.page.locator("img").count() == 0
    assert tab.complaints == []
    tab.context.close()


def test_an_accessibility_checker_finds_nothing_serious(tab: Tab) -> None:
    tab.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = tab.page.evaluate("() => axe.run()")
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []
    controls = tab.page.locator("button, input, select, canvas[tabindex], [role=application]")
    for control in controls.all():
        assert control.is_hidden() or control.evaluate(
            "one => Boolean(one.labels?.length || one.ariaLabel || one.innerText)"
        )


def test_the_page_says_what_was_found_without_scripts(browser: Browser, run: tuple[Path, str, str]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((run[0] / "report.html").as_uri())
    assert "2 hypernetworks generated 62 networks at 31 prices" in page.inner_text(".lede")
    assert "seed" in page.inner_text(".facts")
    context.close()
