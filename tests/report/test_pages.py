"""nas.report.html: the pages of a made-up run hold everything and load nothing."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.errors import RunError
from nas.report.html import comparison_html, report_html, write_comparison, write_report
from nas.report.network_row import network_row
from nas.report.terminal import print_front
from nas.report.text import bytes_text
from nas.results.codec import to_json
from nas.results.front import LeftOut, NetworkCount
from nas.results.gain import gain_over
from tests.helpers.run_sample import (
    Points,
    bare_front,
    climbed_front,
    networks,
    sample_front,
    sample_trials,
    with_measured,
    write_run,
)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", sample_front(), sample_trials())


class Page(HTMLParser):
    """Collects text, resource addresses, links and tags; texts of scripts and of the style element are apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.style = self.policy = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.scripts += [""] if tag == "script" else []
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href", "xlink:href", "srcset", "data", "action", "background"):
                self.resources.append(value or "")
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = str(dict(attrs)["content"])

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def charts(self) -> list[dict[str, Any]]:
        """The data of its charts."""
        return [json.loads(text) for text in self.scripts[:-1]]


def assert_self_contained(page: Page) -> None:
    assert page.resources
    assert all(re.match(r"#|data:(,|image/(jpeg|png);base64,)", address) for address in page.resources)
    assert not {"iframe", "object", "base", "img", "form"} & set(page.tags)
    assert page.tags.count("link") == 1  # the icon, of no bytes
    assert len(page.scripts) == 1 + len(page.charts)
    digest = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert page.policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    )
    assert not re.search(r"url\((?!#)", page.style)
    assert "@import" not in page.style
    assert not any(re.match(r"[a-z]+:|//", link) for link in page.links)


def test_report_holds_everything_and_loads_nothing(run_folder: Path) -> None:
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    page, front = Page(path.read_text(encoding="utf-8")), sample_front()
    assert_self_contained(page)
    assert page.tags.count("figure") == 2
    for member in front.confirmed:
        assert member.key in page.text
        assert member.notation in page.text
        assert member.onnx in page.links
    for said in (
        "Google Pixel 4, budget 300M",
        "98.0",
        "96.2 to 99.4",
        "confirmed training, 2 seeds",
        "predicted, extrapolated",
        "rejected by the budget before any training 38",
        "mean absolute error, leave-one-out over 18 networks 3.1 % the same for MACs alone 15.6 %",
        "Snapdragon 855",
        "7/broken.png (cannot identify image file)",
        "diverged: the loss was nan in epoch 2",
        "python -m nas.search hardware=pixel4 budget=300M",
        "optuna 5.0.0",
        "Kendall tau 0.50",
    ):
        assert said in page.text, said
    assert not list(run_folder.glob(".*.part"))


@pytest.mark.parametrize(
    "points", [[(5.0, 0.95), (9.0, 0.99)], [(5.0, 0.6), (9.0, 0.7)], [(50.0, 0.5)]], ids=["better", "worse", "apart"]
)
def test_page_terminal_and_front_json_say_the_same_of_the_gain(points: Points, tmp_path: Path) -> None:
    members, sample = tuple(networks(points, half=0.01)), sample_front()
    front = replace(sample, front=members, gain=gain_over(sample.baselines, members, sample.data.test))
    folder = write_run(tmp_path / "run", front, sample_trials())
    told = json.loads((folder / "front.json").read_text(encoding="utf-8"))["gain"]
    page = Page(write_report(folder).read_text(encoding="utf-8")).text
    text = io.StringIO()
    print_front(Console(file=text, width=80), front)
    assert len(told["sentences"]) == 2
    for sentence in told["sentences"]:
        assert sentence in page.partition("Ship ")[0], "the first that the page says"
        assert page.count(sentence) == 1
        assert sentence in text.getvalue().splitlines()
    for key, figure in (("equal_latency", "points"), ("equal_accuracy", "share")):
        found, sentence = told[key], told["sentences"][key == "equal_accuracy"]
        shown = {"points": "{:+.1f} points", "share": "needs {:.2f} of the milliseconds"}[figure]
        assert ("nothing to compare" in sentence) if found is None else (shown.format(found[figure]) in sentence)
    assert told == to_json(gain_over(front.baselines, front.front, front.data.test))


def test_report_shows_int8_beside_fp32_and_how_sure_membership_is(run_folder: Path) -> None:
    front, page = sample_front(), Page(write_report(run_folder).read_text(encoding="utf-8"))
    first, _, unquantised = front.confirmed[:3]
    assert first.onnx_int8 in page.links
    row = network_row(first)
    assert (row.probability, row.int8, row.int8_fp32) == (">99 %", "89.5", "fp32 file: 90.7")
    assert row.files[0].size == bytes_text(4 * first.params)
    row = network_row(unquantised)
    assert (row.probability, row.int8, [file.label for file in row.files]) == ("84 %", "-", ["fp32"])
    assert network_row(replace(first, probability=0.004)).probability == "<1 %"
    for said in (
        "int8 changes the accuracy on the test images by -1.2 points in the mean of 7 networks (-1.2 to -1.2)",
        "The files are 4.0 times smaller and on this host 2.0 times as fast.",
        "1 network on the front could not be quantised to int8: ValueError: no ranges",
    ):
        assert said in page.text, said


def test_report_lists_files_of_any_format() -> None:
    front = sample_front()
    first = front.front[0]
    slower = "int8 is slower here: 2 ms, fp32 1 ms"
    tflite = replace(first.files[0], format="tflite", path="models/a b.tflite", slower=slower)
    front = replace(front, front=(replace(first, files=(*first.files, tflite)),))
    assert [file.label for file in network_row(front.front[0]).files] == ["fp32", "int8", "tflite fp32"]
    page = report_html(front, [])
    assert "models/a%20b.tflite" in Page(page).links
    assert slower in page


def test_report_shows_what_was_predicted_of_networks_that_were_measured() -> None:
    front = with_measured(sample_front())
    row = network_row(front.front[0])
    assert (row.latency, row.latency_how, row.extrapolated) == ("5.72", "measured", False)
    assert row.predicted == "predicted 5.20 (4.84 to 5.56)"
    page = Page(report_html(front, sample_trials()))
    assert_self_contained(page)
    assert page.tags.count("figure") == 3
    assert row.predicted in page.text
    assert "8 confirmed networks measured on the device" in page.text
    assert network_row(sample_front().front[0]).predicted == ""


def test_report_of_networks_that_climbed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", climbed_front(), sample_trials(stopped=4))
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert_self_contained(page)
    for said in (
        "stopped early: others of like cost did better 9",
        "over these the two rank with Kendall tau 0.62",
        "Those that went on are the better ones",
        "Random search: what is expected",
        "rungs short, long",
    ):
        assert said in page.text, said
    plain = Page(report_html(sample_front(), sample_trials())).text
    assert "went on" not in plain
    assert "Too few networks were drawn at random" in plain


def test_report_says_what_the_budget_leaves() -> None:
    front = sample_front()
    count = NetworkCount(87_538_743_890_352, 87 * 10**12, 88 * 10**12, 149_977_615_564_800)
    front = replace(front, budget=replace(front.budget, networks=count))
    assert "Of the 150e12 networks of separable, about 87.5e12 fit the budget." in Page(report_html(front, [])).text


def test_report_survives_missing_facts() -> None:
    page = Page(report_html(bare_front(), []))
    assert_self_contained(page)
    assert "No network was confirmed on Google Pixel 4" in page.text
    assert "The profile states no error" in page.text
    assert "Progress of the search" not in page.text
    assert "Failed trials" not in page.text
    failed = replace(sample_trials(1)[0], state="failed", key=None, notation=None, error=None)
    member = replace(sample_front().front[0], onnx=None, onnx_int8=None, files=())
    page = Page(report_html(replace(bare_front(), front=(member,)), [failed]))
    assert member.key in page.text
    assert "no reason recorded" in page.text


def test_report_escapes_what_others_wrote() -> None:
    evil = "<script>alert('x')</script><img src=x onerror=y>"
    front, trials = sample_front(), sample_trials()
    first = front.front[0]
    file = replace(first.files[0], path="javascript:alert('x')")
    front = replace(
        front,
        data=replace(front.data, classes=(evil, "b"), source=evil, left_out=(LeftOut(evil, 1, (evil,)),)),
        hardware=replace(front.hardware, notes=(evil,), device=evil),
        front=(replace(first, notation=evil, files=(file, *first.files[1:])), *front.front[1:]),
        command=evil,
        versions={evil: evil},
    )
    trials[30] = replace(trials[30], error=evil, notation=evil)
    trials[-1] = replace(trials[-1], error=evil)
    text = report_html(front, trials)
    assert_self_contained(Page(text))
    assert text.count("<script") == 2
    assert "<img src=x" not in text
    assert Page(text).text.count("<script>alert('x')</script>") >= 9
    assert_self_contained(Page(comparison_html([front, front], ["a/report.html", "b/report.html"])))


def test_comparison_links_to_each_report(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "multi" / name, sample_front(n), sample_trials()) for name, n in (("0 a", 6), ("1", 3))
    ]
    page = Page(write_comparison(runs, tmp_path / "multi" / "comparison.html").read_text(encoding="utf-8"))
    assert_self_contained(page)
    assert [link for link in page.links if "#" not in link] == ["0%20a/report.html", "1/report.html"]
    assert "98.0 % · 22.2 ms" in page.text
    first, second = page.charts[0]["series"]
    assert first["points"][0]["href"] == "0%20a/report.html#f000000000000000"
    assert [len(each["points"]) for each in (first, second)] == [6, 3]


def test_unreadable_run_folders(tmp_path: Path, run_folder: Path) -> None:
    with pytest.raises(RunError, match=r"front.json.*give the folder of a finished search"):
        write_report(tmp_path)
    (run_folder / "trials.csv").unlink()
    with pytest.raises(RunError, match=r"trials.csv"):
        write_report(run_folder)
