"""nas.report: what the figures, pages, display and trackers show of a made-up run."""

import base64
import csv
import io
import json
import re
import struct
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.errors import ConfigError, RunError
from nas.report import facts, fidelity
from nas.report.figures import (
    comparison_figure,
    front_figure,
    front_labels,
    hypervolume_figure,
    save_front_png,
    staircase,
    svg,
)
from nas.report.html import comparison_html, network_row, report_html, write_comparison, write_report
from nas.report.terminal import Progress, Silent, front_table
from nas.report.text import bytes_text, cost_measure, count_text, interval, population
from nas.report.trackers.guard import Guarded, make_tracker
from nas.results.run_folder import read_front, read_trials
from tests.helpers.run_sample import climbed, sample_front, sample_trials, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", sample_front(), sample_trials())


# Figures


def labels(figure: Any) -> list[str]:
    return figure.axes[0].get_legend_handles_labels()[1]


def test_front_figure_shows_every_trial_member_and_reference() -> None:
    figure = front_figure(sample_front(), sample_trials())
    axes = figure.axes[0]
    assert labels(figure) == [
        "evaluated (30), short training",
        "MobileNetV1 widths, short training",
        "MobileNetV2 widths, short training",
        "confirmed, but dominated",
        "front, confirmed (6)",
    ]
    assert len(axes.collections[0].get_offsets()) == 30
    assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == list("123456")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latency (ms)", "accuracy (%)")
    assert axes.get_title(loc="left") == "Google Pixel 4, budget 300M"
    assert len(axes.containers) == 2
    assert all(bars.has_xerr and bars.has_yerr for bars in axes.containers)
    assert axes.get_ylim()[1] <= 101


def test_budget_line_is_drawn_only_on_its_own_axis() -> None:
    on_macs = front_figure(sample_front(objectives=["accuracy", "macs"]), sample_trials())
    assert "budget, 300 M" in labels(on_macs)
    assert on_macs.axes[0].get_xlabel() == "multiply-accumulates (M)"
    line = next(line for line in on_macs.axes[0].lines if line.get_label() == "budget, 300 M")
    assert list(line.get_xdata()) == [300, 300]
    assert not any("budget" in label for label in labels(front_figure(sample_front(), [])))
    in_ms = front_figure(sample_front(budget={"text": ["25ms"], "latency_ms": 25.0, "macs": None}), [])
    assert "budget, 25 ms" in labels(in_ms)


@pytest.mark.parametrize("cost", ["latency", "macs", "params", "memory"])
def test_front_figure_with_each_cost(cost: str) -> None:
    front = sample_front(objectives=["accuracy", cost])
    assert cost_measure(front).name == cost
    assert "front, confirmed (6)" in labels(front_figure(front, sample_trials()))


def test_front_figure_of_a_run_with_next_to_nothing() -> None:
    bare = {"schema": 1, "front": []}
    figure = front_figure(bare, [])
    assert labels(figure) == []
    assert svg(figure)
    assert svg(hypervolume_figure(bare))


def test_staircase_keeps_what_no_cheaper_point_equals() -> None:
    assert staircase([(3, 0.9), (1, 0.5), (2, 0.4), (2, 0.8), (4, 0.9)]) == [(1, 0.5), (2, 0.8), (3, 0.9)]
    assert staircase([]) == []


def test_saved_png(tmp_path: Path) -> None:
    save_front_png(sample_front(), sample_trials(), tmp_path / "front.png")
    data = (tmp_path / "front.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1290, 870)


def test_a_figure_is_the_same_bytes_each_time() -> None:
    assert svg(front_figure(sample_front(), sample_trials())) == svg(front_figure(sample_front(), sample_trials()))


def test_hypervolume_figure() -> None:
    axes = hypervolume_figure(sample_front()).axes[0]
    assert len(axes.lines[0].get_xdata()) == 30
    assert "accuracy 10 %, latency 44 ms" in axes.texts[0].get_text()


def test_hypervolume_figure_with_the_band_of_random_search() -> None:
    alone, beside = hypervolume_figure(sample_front()), hypervolume_figure(sample_front(**climbed()))
    assert labels(alone) == ["this search"]
    names = ["90 % of such searches", "random search, from 10 draws", "extrapolated", "this search"]
    assert labels(beside) == names
    axes = beside.axes[0]
    lines = dict(zip(names[1:], axes.lines, strict=False))
    assert list(lines["random search, from 10 draws"].get_xdata()) == list(range(1, 11))
    assert list(lines["extrapolated"].get_xdata()) == list(range(10, 21))
    assert axes.collections[0].get_datalim(axes.transData).x1 == 20
    assert svg(beside)


def test_front_figure_draws_stopped_networks_that_have_an_accuracy() -> None:
    figure = front_figure(sample_front(**climbed()), sample_trials(stopped=5))
    assert "stopped early (3), short training" in labels(figure)  # two were stopped on their score


def test_comparison_tells_runs_apart() -> None:
    a, b = sample_front(), sample_front(4, seed=1)
    c = sample_front(budget={"text": ["150M", "25ms"], "macs": 150e6, "latency_ms": 25.0})
    assert labels(comparison_figure([a, c])) == ["pixel4, 300M", "pixel4, 150M and 25ms"]
    assert front_labels([a, b]) == ["pixel4, 300M, seed 0", "pixel4, 300M, seed 1"]
    assert front_labels([a, a]) == ["pixel4, 300M (1)", "pixel4, 300M (2)"]
    assert front_labels([]) == []


# Numbers and sentences


def test_counts_and_bytes_are_readable() -> None:
    shown = [count_text(value) for value in (7, 24_600, 999_600, 3_504_872, 300_774_272, 1.2e9, None, "")]
    assert shown == ["7", "24.6k", "1.00M", "3.50M", "301M", "1.20G", "-", "-"]
    assert [bytes_text(value) for value in (12, 4_000, 4_000_000, None)] == ["12 B", "4.0 kB", "4.0 MB", "-"]


def test_interval_reads_numbers_dicts_and_blanks() -> None:
    assert interval({"x": 3}, "x") == interval({"x": {"value": 3}}, "x") == interval({"x": "3"}, "x")
    found = interval({"x": {"median": 3, "low": 2, "high": None}}, "x")
    assert found is not None
    assert (found.value, found.low, found.high) == (3, 2, 3)
    assert [interval({"x": value}, "x") for value in ("", None, "nan", {})] == [None] * 4


def test_headline() -> None:
    assert facts.headline(sample_front()) == (
        "6 confirmed networks within 300M on Google Pixel 4 (1large, 1 thread, fp32, TFLite 2.10): "
        "from 90.5 % at 5.2 ms to 98.0 % at 22.2 ms."
    )
    assert facts.headline(sample_front(front=[])).startswith("No network was confirmed within 300M")


def test_warns_of_a_proxy_that_ranks_no_better_than_macs() -> None:
    assert sample_front()["proxy_fidelity"]["warning"] in facts.notices(sample_front())
    assert fidelity.fidelity(sample_front())["bad"]
    told = {"warning": None, "verdict": "better than MACs"}
    better = sample_front(proxy_fidelity=sample_front()["proxy_fidelity"] | told)
    assert not any("ranked no better" in notice for notice in facts.notices(better))
    assert not fidelity.fidelity(better)["bad"]
    unknown = sample_front(proxy_fidelity={"kendall_tau": None, "n": 1, "macs_kendall_tau": None})
    assert "Too few" in fidelity.fidelity(unknown)["text"]
    few = sample_front(proxy_fidelity=sample_front()["proxy_fidelity"] | {"warning": None, "verdict": "cannot be told"})
    assert fidelity.fidelity(few)["text"].endswith("ranks better cannot be told from so few.")


def test_each_rung_says_how_it_ranked_the_next() -> None:
    front = sample_front(**climbed())
    assert fidelity.rungs(front) == [
        "39 of 60 networks went on from training-free score to short training; over these the two rank with Kendall "
        "tau 0.41 (95 % bootstrap interval 0.20 to 0.60); MACs alone: 0.52.",
        "30 of 39 networks went on from short training to longer training; over these the two rank with Kendall tau "
        "0.62 (95 % bootstrap interval 0.45 to 0.80); MACs alone: 0.50.",
    ]
    assert [notice for notice in facts.notices(front) if "the rung" in notice] == ["the rung score ranked no better"]
    few = {"from": "short", "to": "long", "reached": 3, "n": 2, "kendall_tau": None, "macs_kendall_tau": None}
    front["proxy_fidelity"]["rungs"] = [few]
    assert fidelity.rungs(front)[0].endswith("longer training: too few to say how the one ranked the other.")
    assert fidelity.rungs(sample_front()) == []


def test_says_what_random_search_is_estimated_from_and_where_that_ends() -> None:
    said = fidelity.random_search(sample_front(**climbed()))
    assert "estimated from the 10 of this run that were, beyond 10 extrapolated" in said
    assert "It ends at 20" in said
    assert fidelity.random_search(sample_front()).startswith("Too few networks were drawn at random")
    front = sample_front(**climbed())
    assert fidelity.random_search(front).startswith("Random search: what is expected of networks drawn at random")
    front["hypervolume"]["random"]["drawn"] = "start"
    assert "networks spread over the range of cost, at random otherwise" in fidelity.random_search(front)


def test_says_when_accuracy_was_taken_at_a_lower_resolution() -> None:
    notice = facts.notices(sample_front())[0]
    assert notice.startswith(
        "The accuracies were taken at 32 px (the images are 32 px), below the networks' own 224 px."
    )
    same = sample_front()
    for entry in same["front"]:
        entry["accuracy"]["resolution"] = 224
    assert not any("px" in notice for notice in facts.notices(same))


def test_rejections_are_counted_by_kind() -> None:
    [(reason, times)] = facts.rejections(sample_trials(rejected=6))
    assert times == 6
    assert "over the budget of 300M" in reason
    assert facts.rejections(sample_trials(rejected=0)) == []


def test_says_how_much_of_the_space_the_budget_leaves() -> None:
    front = sample_front()
    assert facts.room(front) is None  # a run that did not count
    assert ("38", "rejected by the budget, untrained") in facts.tiles(front)
    front["budget"]["networks"] = {"inside": 87_538_743_890_352, "low": 87e12, "high": 88e12, "of": 149_977_615_564_800}
    said = f"Of the 150e12 networks of {front['search_space']}, about 87.5e12 fit the budget."
    assert facts.room(front) == said
    assert said in Page(report_html(front, [])).text
    assert ("58 %", "of the space's networks fit the budget") in facts.tiles(front)
    front["counts"]["rejected_by_budget"] = 0
    front["budget"]["networks"] = {"inside": 11, "low": 11, "high": 11, "of": 1536}
    assert facts.room(front) == (
        f"Of the 1,536 networks of {front['search_space']}, 11 fit the budget. Only such were proposed."
    )
    front["budget"]["text"] = []
    assert facts.room(front) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (1536.0, "1,536"), (999_400, "999,400"), (999_999, "1e6"), (1.5e6, "1.5e6"), (2.345e14, "234e12")],
)
def test_numbers_of_networks(number: float, text: str) -> None:
    assert population(number) == text


# Pages


class Page(HTMLParser):
    """Collects text, resource addresses, links and tags; text of a style element is apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href", "srcset", "data", "action", "background"):
                self.resources.append(value or "")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style" and not self.style:
            self.style = data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def assert_self_contained(page: Page) -> None:
    assert page.resources
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.resources)
    assert not {"script", "link", "iframe", "object", "base"} & set(page.tags)
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert not any(re.match(r"[a-z]+:|//", link) for link in page.links)
    for address in page.resources:
        image = base64.b64decode(address.partition(",")[2]).decode()
        assert not re.search(r"""(href|src)=["'](?!#)""", image)


def test_report_holds_everything_and_loads_nothing(run_folder: Path) -> None:
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    page, front = Page(path.read_text(encoding="utf-8")), sample_front()
    assert_self_contained(page)
    assert len(page.resources) == 2
    for entry in front["confirmed"]:
        assert entry["key"] in page.text
        assert entry["notation"] in page.text
        assert entry["onnx"] in page.links
    for said in (
        "Google Pixel 4, budget 300M",
        "98.0",
        "96.2 to 99.4",
        "confirmed training, 2 seeds",
        "predicted, extrapolated",
        "rejected by the budget before any training 38",
        "mean absolute error, leave-one-out over 18 networks 3.1 % the same for MACs alone 15.6 %",
        "Snapdragon 855",
        "train/7/broken.png: cannot identify image file",
        "diverged: the loss was nan in epoch 2",
        "python -m nas.search hardware=pixel4 budget=300M",
        "optuna 5.0.0",
        "Kendall tau 0.50",
    ):
        assert said in page.text, said
    assert not list(run_folder.glob(".*.part"))


def test_report_shows_int8_beside_fp32_and_how_sure_membership_is(run_folder: Path) -> None:
    front, page = sample_front(), Page(write_report(run_folder).read_text(encoding="utf-8"))
    first, _, unquantised = front["confirmed"][:3]
    assert first["onnx_int8"] in page.links
    row = network_row(first)
    assert (row["probability"], row["int8"], row["int8_fp32"]) == (">99 %", "89.5", "fp32: 90.7")
    assert row["files"][0]["size"] == bytes_text(4 * first["params"])
    row = network_row(unquantised)
    assert (row["probability"], row["int8"], [file["label"] for file in row["files"]]) == ("84 %", "-", ["fp32"])
    assert network_row(first | {"probability": 0.004})["probability"] == "<1 %"
    for said in (
        "int8 changes the accuracy on the test images by -1.2 points in the mean of 7 networks (-1.2 to -1.2)",
        "The files are 4.0 times smaller and on this host 2.0 times as fast.",
        "1 network on the front could not be quantised to int8: ValueError: no ranges",
    ):
        assert said in page.text, said
    assert facts.int8({"front": [unquantised]}) is None


def test_report_of_networks_that_climbed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", sample_front(**climbed()), sample_trials(stopped=4))
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


def test_report_survives_missing_facts() -> None:
    page = Page(report_html({"schema": 1, "front": []}, []))
    assert_self_contained(page)
    assert "No network was confirmed on unknown device." in page.text
    assert "The profile states no error" in page.text
    entry = {"key": "k1", "accuracy": {"value": 0.5}, "latency_ms": None, "host_latency_ms": None, "onnx": None}
    assert "k1" in Page(report_html({"schema": 1, "front": [entry]}, [{"number": 0, "state": "failed"}])).text


def test_report_escapes_what_others_wrote() -> None:
    evil = "<script>alert('x')</script><img src=x onerror=y>"
    front, trials = sample_front(), sample_trials()
    front["data"] |= {"classes": [evil, "b"], "source": evil, "skipped": [evil]}
    front["hardware"] |= {"notes": [evil], "device": evil}
    front["front"][0] |= {"notation": evil, "onnx": "javascript:alert('x')"}
    front |= {"command": evil, "versions": {evil: evil}}
    trials[30] |= {"error": evil, "notation": evil}
    trials[-1] |= {"error": evil}
    text = report_html(front, trials)
    assert_self_contained(Page(text))
    assert "<script" not in text
    assert "<img src=x" not in text
    assert Page(text).text.count("<script>alert('x')</script>") >= 9
    assert_self_contained(Page(comparison_html([front, front], ["a/report.html", "b/report.html"])))


def test_comparison_links_to_each_report(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "multi" / name, sample_front(n), sample_trials()) for name, n in (("0 a", 6), ("1", 3))
    ]
    page = Page(write_comparison(runs, tmp_path / "multi" / "comparison.html").read_text(encoding="utf-8"))
    assert_self_contained(page)
    assert page.links == ["0%20a/report.html", "1/report.html"]
    assert "98.0 % at 22.2 ms" in page.text
    assert page.text.count("f000000000000000:") == 2


def test_unreadable_run_folders(tmp_path: Path, run_folder: Path) -> None:
    with pytest.raises(RunError, match=r"front.json.*give the folder of a finished search"):
        write_report(tmp_path)
    (run_folder / "trials.csv").unlink()
    with pytest.raises(RunError, match=r"trials.csv"):
        write_report(run_folder)
    for content, says in (("{", "not JSON"), ("[]", "no list 'front'"), ('{"front": [], "schema": 9}', "schema 9")):
        (run_folder / "front.json").write_text(content)
        with pytest.raises(RunError, match=says):
            read_front(run_folder)


def test_trials_come_back_as_they_were(run_folder: Path) -> None:
    rows = read_trials(run_folder)
    assert rows == sample_trials()
    assert [row["state"] for row in rows].count("failed") == 2


def test_what_rungs_gave_comes_back_too(tmp_path: Path) -> None:
    rows = read_trials(write_run(tmp_path / "run", sample_front(), sample_trials(stopped=4)))
    assert rows == sample_trials(stopped=4)
    stopped = [row["rungs"] for row in rows if row["state"] == "stopped"]
    assert [list(rungs) for rungs in stopped] == [["score", "short"], ["score"]] * 2
    (tmp_path / "trials.csv").write_text("number,rungs\n0,{broken\n")
    with pytest.raises(RunError, match="is not a table of trials"):
        read_trials(tmp_path)


def test_ragged_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("number,state,key\n0,complete\n1,complete,0123,more\n")
    short, long = read_trials(tmp_path)
    assert short["key"] is None
    assert long["key"] == "0123"


# The display


def shown(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=80, color_system=None, legacy_windows=False), text


def play(console: Console) -> None:
    ok, failed, rejected = sample_trials(1, 1, 1)
    with Progress(console) as progress:
        progress.stage("search", 4, 2)
        progress.trial(ok, front_size=1, hypervolume=0.25, best=0.9)
        progress.trial(rejected, front_size=1, hypervolume=0.25, best=0.9)
        progress.trial(failed, front_size=1, hypervolume=0.25, best=None)
        progress.stage("confirm", 1)
        progress.message("[bold]kept as it is[/bold]")
        progress.advance()
    progress.stop()


def test_plain_lines_where_there_is_no_terminal() -> None:
    console, text = shown(terminal=False)
    play(console)
    assert "\x1b" not in text.getvalue()
    assert "\r" not in text.getvalue()
    lines = text.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0] == "search: 2 of 4 done"
    assert re.fullmatch(
        r"trial 3/4  accuracy \d\d\.\d % \(short training\)  [\d.]+ ms  [\d.]+M MACs  in [\d.]+ s"
        r"  front 1  hypervolume 0\.250",
        lines[1],
    )
    assert lines[2].startswith("trial 4/4  failed: diverged: the loss was nan in epoch 2")
    assert lines[3:] == ["confirm: 1 to do", "[bold]kept as it is[/bold]"]


def test_live_display_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=True)
    play(console)
    seen = text.getvalue()
    assert "\x1b" in seen
    for said in (
        "1/1",
        "front 1  hypervolume 0.250",
        "rejected by the budget 1",
        "failed 1",
        "[bold]kept as it is[/bold]",
    ):
        assert said in seen, said


@pytest.mark.parametrize("terminal", [True, False])
def test_the_display_counts_what_was_stopped(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=terminal)
    with Progress(console) as progress:
        progress.stage("search", 3)
        for row in sample_trials(1, 0, 0, stopped=2):
            progress.trial(row, front_size=1, hypervolume=0.25, best=0.9)
    assert "stopped 2" in text.getvalue()
    if not terminal:
        first, second, third = text.getvalue().splitlines()[1:]
        assert "stopped" not in first
        assert re.match(r"trial 2/3  stopped after accuracy \d\d\.\d % \(short training\)  .*  stopped 1$", second)
        assert third.startswith("trial 3/3  stopped after training-free score  ")


def test_silent_has_every_method_of_the_display() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Silent) == public(Progress)
    with Silent() as silent:
        silent.stage("search", 1)
        silent.trial({}, front_size=0, hypervolume=0.0, best=None)


def test_final_table_fits_80_columns() -> None:
    console, text = shown(terminal=False)
    console.print(front_table(sample_front()))
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 + 6 + 1
    assert lines[2].split() == ["1", "90.5", "(88.7-91.9)", "5.20*", "(4.84-5.56)", "3.12", "38.0M", "f000000000000000"]
    assert "…" not in text.getvalue()
    assert "extrapolates" in lines[-1]


# Trackers


class Broken:
    calls = 0

    def trial(self, *_: object) -> None:
        self.calls += 1
        raise OSError("the network\nis down")


def test_a_tracker_that_raises_warns_once() -> None:
    warnings: list[str] = []
    broken = Broken()
    tracker = Guarded(lambda: broken, warnings.append)  # type: ignore[arg-type, return-value]
    for row in sample_trials(3):
        tracker.trial(row, 0.5, 1)
    tracker.finish(sample_front(), [], "nowhere")
    tracker.close()
    assert broken.calls == 1
    assert warnings == ["the tracker stopped and the search goes on without it: the network is down"]


def test_a_tracker_that_cannot_be_built_warns_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    tracker = make_tracker("wandb", warn=warnings.append, folder=tmp_path)
    tracker.trial({}, 0.5, 1)
    tracker.close()
    assert len(warnings) == 1
    assert "pip install wandb" in warnings[0]


def test_an_interrupt_is_not_a_failure_of_the_tracker() -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guarded(interrupted, print)


def test_trackers_by_name(tmp_path: Path) -> None:
    tracker = make_tracker("none", warn=pytest.fail, folder=tmp_path, name="x")
    tracker.trial({}, 0.5, 1)
    tracker.finish({}, [], tmp_path)
    tracker.close()
    with pytest.raises(ConfigError, match="unknown tracker 'mlflow'; known: none, wandb"):
        make_tracker("mlflow", warn=print)
    with pytest.raises(ConfigError, match=r"unknown tracker.mode 'onlin'; known: offline, online"):
        make_tracker("wandb", warn=print, mode="onlin")


# Weights & Biases, a real offline run


def records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, parts, block = path.read_bytes(), 7, b"", 32768
    while position + 7 <= len(data):
        left = block - position % block
        if left < 7:
            position += left
            continue
        _, size, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):  # whole, or last part
            yield Record.FromString(parts)
            parts = b""


def values(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


@pytest.fixture
def offline_run(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder tracked from beginning to end, as the search does it."""
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_DATA_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    write_report(run_folder)
    (run_folder / "study.journal").write_text("{}\n")
    warnings: list[str] = []
    options = {"folder": run_folder, "project": "tests", "config": {"budget": ["300M"], "seed": 0}, "name": "pixel4"}
    tracker = make_tracker("wandb", warn=warnings.append, **options)
    for row in sample_trials(stopped=2):
        tracker.trial(row, hypervolume=0.5, front_size=3)
    tracker.finish(sample_front(), sample_trials(), run_folder)
    tracker.close()
    assert warnings == []
    import wandb

    wandb.teardown()  # ends the process that writes, so that the files are whole
    return run_folder


def test_wandb_offline_run_read_back_from_disk(offline_run: Path) -> None:
    [path] = offline_run.glob("wandb/offline-run-*/run-*.wandb")
    kinds: dict[str, list[Any]] = {}
    for record in records(path):
        kinds.setdefault(record.WhichOneof("record_type"), []).append(record)

    run = kinds["run"][0].run
    assert (run.project, run.display_name) == ("tests", "pixel4")
    config = values(run.config.update)
    assert (config["budget"], config["seed"]) == (["300M"], 0)

    history = [values(record.history.item) for record in kinds["history"]]
    trials = [row for row in history if "state" in row]
    for logged, row in zip(trials, sample_trials(stopped=2), strict=True):
        expected = {name: row[name] for name in ("accuracy", "latency_ms", "macs", "params") if row[name] is not None}
        assert {name: logged[name] for name in expected} == expected
        assert (logged["trial"], logged["state"], logged["hypervolume"]) == (row["number"], row["state"], 0.5)
        assert ("accuracy" in logged) == (row["accuracy"] is not None)

    by_score = next(row for row in trials if row["state"] == "stopped" and "accuracy" not in row)
    assert by_score["rung/score/naswot"] == 301.5
    assert trials[0]["rung/short"] == trials[0]["accuracy"]

    summary: dict[str, Any] = {}
    for record in kinds["summary"]:
        summary |= values(record.summary.update)
    assert summary["final_hypervolume"] == 0.712
    assert summary["final_front_size"] == 6
    assert (summary["evaluated"], summary["rejected_by_budget"], summary["proxy_kendall_tau"]) == (30, 38, 0.5)
    assert summary["front_figure/_type"] == "image-file"

    charts = [values(record.config.update) for record in kinds["config"]]
    assert any("pareto" in key for chart in charts for key in chart), "the scatter is a chart of the run"

    for name, rows in (("trials", 38), ("front", 6)):
        files = offline_run.glob(f"wandb/offline-run-*/files/media/table/{name}_*.table.json")
        table = json.loads(next(files).read_text())
        assert len(table["data"]) == rows
        assert {"key", "notation", "accuracy", "latency_ms", "macs", "params"} <= set(table["columns"])

    [artifact] = [record.artifact for record in kinds["artifact"] if record.artifact.type == "search"]
    contents = {entry.path: entry for entry in artifact.manifest.contents}
    models = {f"models/{entry['key']}.onnx" for entry in sample_front()["front"]}
    assert set(contents) == {"front.json", "trials.csv", "report.html", "front.png", "study.journal"} | models
    assert all(Path(entry.local_path) == offline_run / name for name, entry in contents.items()), "not copied"


def test_wandb_leaves_nothing_outside_the_run_folder(offline_run: Path, tmp_path: Path) -> None:
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"run", "wandb_cache_dir", "wandb_config_dir"}


def test_sample_columns_are_those_of_the_contract(run_folder: Path) -> None:
    with (run_folder / "trials.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert header == list(sample_trials()[0])
