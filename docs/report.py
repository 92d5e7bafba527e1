"""Measure the report of a run in a browser, and take its picture: python docs/report.py RUN...

Fills the table of docs/report.md and writes docs/pictures/report.png, which shows the first run.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from statistics import median

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from hypergraph.experiment.report import report
from hypergraph.runs.directory import RunDirectory

DOCS = Path(__file__).parent
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
STEPS = """async (name) => {
  const slider = document.getElementById(name);
  const drawn = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  });
  const times = [];
  for (let value = 0; value <= Number(slider.max); value++) {
    slider.value = value;
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    await drawn();
    times.push(performance.now() - start);
  }
  return times;
}"""


def measured(browser: Browser, run: Path, picture: bool) -> str:
    """A row of the table, with the picture taken where it is wanted."""
    with tempfile.TemporaryDirectory() as folder:
        file = report([RunDirectory.open(run)], out=Path(folder) / "report.html")
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", offline=True)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")
        if picture:
            image = Image.open(BytesIO(page.screenshot())).quantize(128, dither=Image.Dither.NONE)
            image.save(DOCS / "pictures" / "report.png", optimize=True)
        paint, betas, steps = page.evaluate(PAINT), page.evaluate(STEPS, "beta"), page.evaluate(STEPS, "step")
        ready = page.get_attribute("html", "data-ready")
        members = RunDirectory.open(run).config.members
        page.close()
        size = file.stat().st_size / 1e6
    times = [f"{paint:.0f} ms", f"{ready} ms"]
    times += [f"{median(each):.0f} ms, at most {max(each):.0f} ms" for each in (betas, steps)]
    return f"| {run.name} | {members} | {size:.1f} MB | {' | '.join(times)} |"


def main() -> None:
    """Measure every run, and write the table."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rows = [measured(browser, Path(run), not number) for number, run in enumerate(sys.argv[1:])]
    head = ["| run | members | file | first paint | usable | a price | a step |", "|---|---|---|---|---|---|---|"]
    table = "\n".join([*head, *rows])
    page = DOCS / "report.md"
    filled = re.sub("(<!-- measured -->\n).*?(\n<!-- end -->)", rf"\1\n{table}\n\2", page.read_text(), flags=re.DOTALL)
    page.write_text(filled)


if __name__ == "__main__":
    main()
