"""How long a report of 20,000 trials keeps a browser busy at once, while it is scrolled and pointed at.

    python -m benchmarks.page_speed

opens a made-up report in Chromium, without a display, scrolls it from end to end and moves the pointer over its chart,
and prints the longest task of each: by the clock, as the browser's PerformanceObserver tells (of those from 50 ms on),
and the time that it computed, which a busy machine does not lengthen. Needs playwright and a Chromium of the system.
"""

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from nas.report.html import report_html
from nas.results.trials import TrialRow
from tests.helpers.run_sample import NOTATION, sample_front, sample_trials

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OBSERVE = """
window.longest = 0;
new PerformanceObserver(list => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""


def many_trials(count: int, seed: int = 0) -> list[TrialRow]:
    """As many trials, no two alike, a tenth of them rejected."""
    rng, rows = random.Random(seed), sample_trials(400)
    return [_like(rows[number % 400], number, rng) for number in range(count)]


def _like(row: TrialRow, number: int, rng: random.Random) -> TrialRow:
    def near(value: float) -> Any:
        return type(value)(value * rng.uniform(0.8, 1.25))

    costs = {name: value and near(value) for name, value in row.costs.items()}
    rejected = number % 10 == 0
    return replace(
        row,
        number=number,
        state="rejected" if rejected else "complete",
        accuracy=None if rejected else min(0.99, max(0.1, (row.accuracy or 0.0) + rng.gauss(0, 0.03))),
        costs=costs,
        notation=NOTATION.format(width=rng.randint(8, 200)).replace(
            "mb5e6", f"mb{rng.choice('357')}e{rng.choice('2346')}"
        ),
    )


def scroll(page: Page) -> None:
    """From end to end, and back."""
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    page.mouse.move(5, 400)
    for step in [400] * (height // 400) + [-900] * (height // 900):
        page.mouse.wheel(0, step)
        page.wait_for_timeout(16)


def hover(page: Page) -> None:
    """All over the chart."""
    box = page.locator(".plot").bounding_box()
    assert box
    for step in range(300):
        x, y = (37 * step) % box["width"], (23 * step) % (box["height"] - 50)
        page.mouse.move(box["x"] + x, box["y"] + y)


def show_rejected(page: Page) -> None:
    """The trials that are not shown at first."""
    page.get_by_label("rejected by the budget").check()


def longest(browser: Browser, page: Page, act: Callable[[Page], None]) -> str:
    """The longest task while `act` is done, by the clock and in computing time."""
    page.locator(".plot").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    page.evaluate("window.longest = 0")
    browser.start_tracing(page=page, categories=["toplevel"])
    act(page)
    page.wait_for_timeout(500)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    renderers = [
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    ]
    computed = [
        each.get("tdur", 0) / 1000
        for each in events
        if each.get("ph") == "X" and (each["pid"], each["tid"]) in renderers
    ]
    return f"{page.evaluate('window.longest'):.0f} ms, {max(computed, default=0.0):.0f} ms computing"


def main() -> None:
    """Print the longest tasks."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(report_html(sample_front(), many_trials(20_000)), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        print(f"{browser.version}, 20,000 trials, {file.stat().st_size / 1e6:.2f} MB")
        for width in (1400, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.add_init_script(_OBSERVE)
            page.goto(file.as_uri())
            for act in (scroll, hover, show_rejected):
                print(f"{width} px, {act.__name__}: {longest(browser, page, act)}")
        browser.close()


if __name__ == "__main__":
    main()
