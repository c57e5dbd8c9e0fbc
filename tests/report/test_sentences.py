"""What a report says in words and numbers of a made-up run."""

from dataclasses import replace

import pytest

from nas.report.sections import front as front_section
from nas.report.sections import latency, progress, proposals, trust
from nas.report.summary import headline, notices, tiles
from nas.report.text import bytes_text, configuration_text, count_text, population
from nas.results.front import NetworkCount
from nas.results.member import Member
from nas.results.quality import RungFidelity
from tests.helpers.run_sample import budget, climbed_front, sample_front, sample_trials, with_measured


def test_counts_and_bytes_are_readable() -> None:
    shown = [count_text(value) for value in (7, 24_600, 999_600, 3_504_872, 300_774_272, 1.2e9, None)]
    assert shown == ["7", "24.6k", "1.00M", "3.50M", "301M", "1.20G", "-"]
    assert [bytes_text(value) for value in (12, 4_000, 4_000_000, None)] == ["12 B", "4.0 kB", "4.0 MB", "-"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (1536.0, "1,536"), (999_400, "999,400"), (999_999, "1e6"), (1.5e6, "1.5e6"), (2.345e14, "234e12")],
)
def test_numbers_of_networks(number: float, text: str) -> None:
    assert population(number) == text


def test_headline() -> None:
    assert headline(sample_front()) == (
        "6 confirmed networks within 300M on Google Pixel 4 (1large, 1 thread, fp32, TFLite 2.10): "
        "from 90.5 % at 5.2 ms to 98.0 % at 22.2 ms, in the mean of their seeds."
    )
    assert headline(replace(sample_front(), front=())).startswith("No network was confirmed within 300M")
    assert headline(sample_front(1)).endswith("TFLite 2.10): 90.5 % at 5.2 ms, in the mean of its seeds.")


@pytest.mark.parametrize(
    ("runtime", "version", "said"),
    [("not stated", "not stated", "runtime not stated"), ("TFLite", "not stated", "TFLite"), ("TFLite", "", "TFLite")],
)
def test_a_runtime_that_nobody_stated(runtime: str, version: str, said: str) -> None:
    front = sample_front()
    hardware = replace(front.hardware, runtime=runtime, runtime_version=version)
    assert configuration_text(replace(front, hardware=hardware)) == f"1large, 1 thread, fp32, {said}"


def test_warns_of_a_proxy_that_ranks_no_better_than_macs() -> None:
    front = sample_front()
    assert front.proxy_fidelity.warning in notices(front)
    assert trust.cheap_accuracies(front).look == "notice"
    told = replace(front.proxy_fidelity, warning=None, verdict="better than MACs")
    better = replace(front, proxy_fidelity=told, warnings=())
    assert not any("ranked no better" in notice for notice in notices(better))
    assert trust.cheap_accuracies(better).look == "plain"
    unknown = replace(front, proxy_fidelity=replace(told, kendall_tau=None, n=1, macs_kendall_tau=None))
    assert "Too few" in trust.cheap_accuracies(unknown).text
    few = replace(front, proxy_fidelity=replace(told, verdict="cannot be told"))
    assert trust.cheap_accuracies(few).text.endswith("ranks better cannot be told from so few.")


def test_pixels_of_the_proxy_are_a_fact_where_they_are_fewer() -> None:
    front = sample_front()
    assert trust.fewer_pixels(front) == (
        "The cheap accuracies are those of networks of 224 px at 32 px, and of smaller ones in proportion."
    )
    assert not any("px" in notice for notice in notices(replace(front, front=())))
    for resolution in (224, 300):
        assert trust.fewer_pixels(replace(front, proxy={**front.proxy, "resolution": resolution})) == ""
    assert trust.fewer_pixels(replace(front, proxy={"name": "short"})) == ""


def test_accuracies_of_fewer_pixels_than_the_costs_are_noticed() -> None:
    front = sample_front()  # networks of 224 px, judged at 32
    assert notices(front)[0] == (
        "confirm.resolution was set: the accuracies were taken at 32 px, below the networks' own 224 px, at which MACs "
        "and latency count."
    )
    own = tuple(replace(each, accuracy=replace(each.accuracy, resolution=224)) for each in front.front)
    assert not any("px" in notice for notice in notices(replace(front, front=own)))


def test_each_rung_says_how_it_ranked_the_next() -> None:
    front = climbed_front()
    assert trust.rungs(front) == [
        "39 of 60 networks went on from training-free score to short training; over these the two rank with Kendall "
        "tau 0.41 (95 % bootstrap interval 0.20 to 0.60); MACs alone: 0.52.",
        "30 of 39 networks went on from short training to longer training; over these the two rank with Kendall tau "
        "0.62 (95 % bootstrap interval 0.45 to 0.80); MACs alone: 0.50.",
    ]
    assert [notice for notice in notices(front) if "the rung" in notice] == ["the rung score ranked no better"]
    few = RungFidelity(None, None, None, 2, None, "cannot be told", None, lower="short", upper="long", reached=3)
    said = trust.rungs(replace(front, proxy_fidelity=replace(front.proxy_fidelity, rungs=(few,))))
    assert said[0].endswith("longer training: too few to say how the one ranked the other.")
    assert trust.rungs(sample_front()) == []


def test_says_what_random_search_is_estimated_from_and_where_that_ends() -> None:
    front = climbed_front()
    said = progress.random_search(front)
    assert "estimated from the 10 of this run that were, beyond 10 extrapolated" in said
    assert "It ends at 20" in said
    assert progress.random_search(sample_front()).startswith("Too few networks were drawn at random")
    assert said.startswith("Random search: what is expected of networks drawn at random")
    assert front.hypervolume.random is not None
    start = replace(front.hypervolume, random=replace(front.hypervolume.random, drawn="start"))
    said = progress.random_search(replace(front, hypervolume=start))
    assert "networks spread over the range of cost, at random otherwise" in said


def test_says_what_measuring_the_networks_gave() -> None:
    front = with_measured(sample_front())
    assert latency.measured(front) == (
        "8 confirmed networks measured on the device: the predictions were 9.1 % off in the mean, 12.3 % at most; 2 of "
        "8 lie in their 90 % interval. The front is that of the measured milliseconds."
    )
    assert not any("extrapolate" in notice for notice in notices(front))
    assert latency.measured(sample_front()) is None
    assert any("extrapolates" in notice for notice in notices(sample_front()))
    above = replace(front, budget=budget(("21ms",), latency_ms=21.0))
    assert "1 network on the front measured above the budget of 21 ms." in notices(above)


def test_says_that_accuracies_are_those_of_fp32_networks_where_the_latencies_are_not() -> None:
    front = sample_front()
    int8 = replace(front, hardware=replace(front.hardware, precision="int8"))
    assert any(notice.startswith("The latencies are predicted at int8;") for notice in notices(int8))
    assert not any("predicted at" in notice for notice in notices(front))


def test_says_which_files_are_missing_by_kind() -> None:
    front = sample_front()

    def without_tflite(member: Member) -> Member:
        other = replace(member.files[0], format="tflite", path=None, bytes=None, error="no converter")
        return replace(member, files=(*member.files, other))

    found = notices(replace(front, front=tuple(without_tflite(member) for member in front.front)))
    assert "1 network on the front could not be quantised to int8: ValueError: no ranges" in found
    assert "6 networks on the front could not be exported as tflite fp32: no converter" in found


def test_int8_is_set_beside_fp32() -> None:
    assert front_section.int8(sample_front()) == (
        "int8 changes the accuracy on the test images by -1.2 points in the mean of 7 networks (-1.2 to -1.2), each "
        "against its fp32 file. The files are 4.0 times smaller and on this host 2.0 times as fast."
    )
    front = sample_front()
    assert front_section.int8(replace(front, confirmed=front.confirmed[2:3])) is None
    first = front.confirmed[0]
    fp32, int8 = first.files
    timing = int8.host_latency_ms
    assert timing
    unknown = replace(first, files=(fp32, replace(int8, bytes=None)))
    assert front_section.int8(replace(front, confirmed=(unknown,))) is None
    at_once = replace(first, files=(fp32, replace(int8, host_latency_ms=replace(timing, median=0.0))))
    said = front_section.int8(replace(front, confirmed=(at_once,)))
    assert said
    assert said.endswith("4.0 times smaller.")


def test_a_run_that_learned_nothing_has_no_front() -> None:
    front = replace(sample_front(), learned=False, warnings=("no network learned: …",))
    assert headline(front) == (
        "No network learned: of 8 confirmed networks within 300M on Google Pixel 4 (1large, 1 thread, fp32, TFLite "
        "2.10), none is above always answering the commonest class by more than luck explains."
    )
    assert "no network learned: …" in notices(front)
    assert ("6", "networks confirmed, of which none learned") in tiles(front)
    assert front_section.make(front, []).title == "The confirmed networks"
    assert front_section.make(sample_front(), []).title == "The front"


def test_every_warning_of_a_run_is_a_notice() -> None:
    front = replace(sample_front(), warnings=("one", "two"))
    assert {"one", "two"} <= set(notices(front))


def test_rejections_are_counted_by_kind() -> None:
    [(reason, times)] = proposals.rejections(sample_trials(rejected=6))
    assert times == "6"
    assert "over the budget of 300M" in reason
    assert proposals.rejections(sample_trials(rejected=0)) == ()


def test_says_how_much_of_the_space_the_budget_leaves() -> None:
    front = sample_front()
    every = replace(front, budget=budget(()))
    assert proposals.room(every) is None
    assert ("38", "rejected by the budget, untrained") in tiles(every)
    most = NetworkCount(87_538_743_890_352, 87 * 10**12, 88 * 10**12, 149_977_615_564_800)
    large = replace(front, budget=replace(front.budget, networks=most))
    assert proposals.room(large) == "Of the 150e12 networks of separable, about 87.5e12 fit the budget."
    assert ("58 %", "of the space's networks fit the budget") in tiles(large)
    only = replace(front, counts=replace(front.counts, rejected_by_budget=0))
    assert proposals.room(only) == "Of the 1,536 networks of separable, 11 fit the budget. Only such were proposed."
