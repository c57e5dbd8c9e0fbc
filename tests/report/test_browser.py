"""The pages in a real browser: they render, answer pointer and keys, say nothing on the console, and load nothing."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.data.survey.row import row_of_images
from nas.report.html import comparison_html, report_html
from tests.helpers.browser import Opened, chromium
from tests.helpers.run_sample import climbed_front, sample_front, sample_trials

FRONT = climbed_front()
TRIALS = sample_trials(200, rejected=40, stopped=20)
OTHER_DEVICE = replace(FRONT, hardware=replace(FRONT.hardware, name="box", device="A box"))
PAINTED = """() => {
    const canvas = document.querySelector("canvas");
    const pen = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height })
        .getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, index) => index % 4 === 3 && value).length;
}"""
COLOURS = """() => [
    getComputedStyle(document.body).backgroundColor,
    getComputedStyle(document.querySelector("figure > svg text")).fill,
    document.querySelector("#theme").textContent,
]"""
LOADED = """each => new Promise(done => {
    const image = new Image();
    image.onload = () => done(image.naturalWidth);
    image.src = each.getAttribute("href");
})"""
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 25, 29)"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    made = tmp_path_factory.mktemp("pages")
    (made / "models").mkdir()
    squares = [np.full((3, 16, 16), 80 * n, np.uint8) for n in range(3)]
    for member in FRONT.confirmed:
        (made / f"models/{member.key}.mistakes.jpg").write_bytes(row_of_images(squares))
    (made / "report.html").write_text(report_html(FRONT, TRIALS, made), encoding="utf-8")
    fronts = [FRONT, replace(sample_front(4), seed=1), OTHER_DEVICE]
    (made / "comparison.html").write_text(
        comparison_html(fronts, ["a/r.html", "b/r.html", "c/r.html"]), encoding="utf-8"
    )
    return made


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Any]:
    found = Opened(browser, folder / "report.html")
    yield found.page
    found.close()
    assert found.said == []


def point(page: Any, index: int) -> tuple[float, float]:
    """Where the middle of a member of the front is, in view; the front is drawn last."""
    page.locator(".plot").scroll_into_view_if_needed()
    box = page.locator(".member .reach").nth(index - len(FRONT.front)).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_pages_render_without_a_request_or_a_word(
    browser: Any, folder: Path, name: str, width: int, scheme: str
) -> None:
    path = folder / f"{name}.html"
    found = Opened(browser, path, width, scheme)
    page = found.page
    page.wait_for_selector(".member")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == SCHEMES[scheme]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator("figure.chart").count() == (1 if name == "report" else 2)
    members = 8 if name == "report" else 6 + 4 + 6
    assert page.locator(".member").count() == members
    label = page.locator(".plot .label").first
    dark = brightness(label.evaluate("each => getComputedStyle(each).fill")) > 128
    assert dark == (scheme == "dark")
    for figure in page.locator("figure").all():
        box = figure.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    cells = page.locator("table.cards td").first
    assert cells.evaluate("each => getComputedStyle(each).display") == ("flex" if width == 390 else "table-cell")
    assert (found.said, found.requests) == ([], [path.as_uri()])
    found.close()


def test_pointing_tells_and_clicking_leads(opened: Any) -> None:
    member = FRONT.front[2]
    opened.mouse.move(*point(opened, 2))
    tip = opened.locator(".tip:visible")
    tip.wait_for()
    for said in ("m3 · 94.8 % · 10.4 ms", "94.8 % (93 to 96.2)", "10.4 ms (9.64 to 11.1)", "134 M", member.notation):
        assert said in tip.inner_text(), said
    page = opened.locator(f"#{member.key}")
    assert page.get_attribute("open") is None
    opened.mouse.click(*point(opened, 2))
    opened.locator(f"#{member.key}[open]").wait_for()  # the browser tells the page of its new address in its own time
    assert opened.url.endswith(f"#{member.key}")
    assert member.notation in page.inner_text()
    opened.mouse.move(2, 2)
    assert opened.locator(".tip:visible").count() == 0


def test_trials_are_told_by_their_number_and_network(opened: Any) -> None:
    opened.locator(".plot").scroll_into_view_if_needed()
    box = opened.locator(".plot").bounding_box()
    rows = {str(row.number): row for row in TRIALS}
    told = set()
    for step in range(120):
        opened.mouse.move(box["x"] + 60 + 7 * step % (box["width"] - 80), box["y"] + 150 + 11 * step % 250)
        opened.evaluate("() => new Promise(requestAnimationFrame)")
        tip = opened.locator(".tip")
        text = tip.inner_text() if tip.is_visible() else ""
        if found := re.match(r"trial (\d+)", text):
            row = rows[found[1]]
            told.add(found[1])
            assert row.notation in text
            cost = float(f"{row.costs['latency_ms']:.3g}")
            assert f"{100 * row.accuracy:.3g} %" in text
            assert f"{cost:g} ms" in text
    assert len(told) > 5


def test_rejected_and_stopped_trials_are_shown_on_demand(opened: Any) -> None:
    def painted() -> int:
        return int(opened.evaluate(PAINTED))

    before = painted()
    opened.get_by_label("stopped early").check()
    stopped = painted()
    assert stopped > before
    assert opened.locator(".plot .edge").count() == 1  # those stopped on a score have no accuracy, and stand below
    opened.get_by_label("rejected by the budget").check()
    assert painted() > stopped
    opened.get_by_label("evaluated, short training").uncheck()
    assert painted() < stopped


def test_the_cost_on_the_axis_is_chosen_and_logarithmic_where_it_is_wide(opened: Any) -> None:
    log, name = opened.get_by_label("log axis"), opened.locator(".plot .name").first
    assert name.inner_html() == "latency (ms)"
    assert log.is_checked()
    opened.get_by_label("Cost on the axis").select_option(label="peak activation memory (MB)")
    assert name.inner_html() == "peak activation memory (MB)"
    assert point(opened, 1)[0] < point(opened, 2)[0]
    opened.get_by_label("Cost on the axis").select_option(label="multiply-accumulates (M)")
    assert log.is_checked()
    assert opened.locator(".plot .limit").count() == 1  # the budget
    before = point(opened, 1)
    log.uncheck()
    assert point(opened, 1)[0] < before[0] - 20


def test_dragging_zooms_and_a_double_click_shows_all(opened: Any) -> None:
    first, last = point(opened, 0), point(opened, 5)
    x, y = point(opened, 2)
    opened.mouse.move(x - 60, y - 30)
    opened.mouse.down()
    opened.mouse.move(x + 60, y + 60, steps=4)
    opened.mouse.up()
    left, right = point(opened, 0)[0], point(opened, 5)[0]
    assert right - left > 2 * (last[0] - first[0])
    assert opened.locator(".tip:visible").count() == 0
    opened.mouse.dblclick(x, y - 20)
    assert point(opened, 0) == pytest.approx(first, abs=1)


def test_everything_is_reached_by_keys(opened: Any) -> None:
    opened.locator(".plot").focus()
    width = point(opened, 5)[0] - point(opened, 0)[0]
    opened.keyboard.press("+")
    assert point(opened, 5)[0] - point(opened, 0)[0] > 1.2 * width
    opened.keyboard.press("0")
    before = point(opened, 0)[0]
    opened.keyboard.press("ArrowRight")
    assert point(opened, 0)[0] < before - 20
    opened.keyboard.press("0")
    for _ in range(3):
        opened.keyboard.press("Tab")
    focused = opened.evaluate("document.activeElement.getAttribute('aria-label')")
    tip = opened.locator(".tip:visible").inner_text()
    assert focused.split(",")[0] == tip.split("\n")[0]
    opened.keyboard.press("Escape")
    assert opened.locator(".tip:visible").count() == 0
    opened.keyboard.press("Enter")
    key = opened.evaluate("location.hash").removeprefix("#")
    assert key in {member.key for member in FRONT.confirmed}
    opened.locator(f"#{key}[open]").wait_for()


def test_the_button_switches_the_colours_of_page_and_figures(opened: Any) -> None:
    body, letters, button = opened.evaluate(COLOURS)
    assert (body, button) == (SCHEMES["light"], "Dark")
    opened.locator("#theme").click()
    assert opened.evaluate(COLOURS)[0::2] == [SCHEMES["dark"], "Light"]
    assert brightness(opened.evaluate(COLOURS)[1]) > 150 > brightness(letters)
    opened.reload()
    assert opened.evaluate(COLOURS)[0] == SCHEMES["dark"]


def test_the_images_that_are_wrong_are_shown(opened: Any) -> None:
    key = FRONT.front[0].key
    opened.goto(f"{opened.url}#{key}")
    shots = opened.locator(f"#{key} .shots li")
    assert shots.count() == 3
    assert "3 taken for 5, 99" in shots.first.inner_text()
    assert opened.locator(f"#shots-{key}").evaluate(LOADED) == 3 * 64


def test_without_scripts_all_is_there_to_read(browser: Any, folder: Path) -> None:
    found = Opened(browser, folder / "report.html", scripts=False)
    page = found.page
    assert page.locator("figure.chart .static svg").is_visible()
    assert page.locator("#theme").is_hidden()
    assert page.locator(".hint").first.is_hidden()
    page.locator(f"#{FRONT.front[0].key} > summary").click()
    text = page.inner_text("body")
    for said in (FRONT.front[0].notation, "Accuracy of each class", "Confusion matrix", "m1", "Ship m5"):
        assert said in text, said
    assert found.said == []
    found.close()
