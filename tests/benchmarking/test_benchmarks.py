"""The search benchmark: what its black boxes answer, how a search is scored, that its runs resume, what it writes."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from benchmarks import search_efficiency, tables
from benchmarks.baselines import (
    Contestant,
    Evaluate,
    Places,
    contestants,
    encoded,
    in_parallel,
    random_distinct,
    read_scores,
    with_optuna,
)
from benchmarks.efficiency_report import BEGIN, END, FIGURE, PARALLEL
from benchmarks.search_efficiency import read_results, run
from benchmarks.tables import Problem, data_file, hypervolume, mnasnet_macs, problem, shares
from nas.errors import DataError
from nas.spaces.load import load_space


@pytest.fixture(scope="module")
def macro() -> Problem:
    return needs_data("macro")


@pytest.fixture
def synthetic() -> Problem:
    return problem("synthetic")


def needs_data(name: str) -> Problem:
    """The problem `name`; skips where the data folder is absent."""
    try:
        return problem(name)
    except DataError as error:
        pytest.skip(str(error))


def every(case: Problem) -> np.ndarray:
    return np.array(list(case.space.genotypes()))


def area(points: np.ndarray, reference: tuple[float, float]) -> float:
    """Hypervolume by definition: for each strip of cost between two points, the best accuracy at most that dear."""
    edges = sorted({*(cost for _, cost in points if cost < reference[1]), reference[1]})
    total = 0.0
    for left, right in pairwise(edges):
        best = max(accuracy for accuracy, cost in points if cost <= left)
        total += (right - left) * max(0.0, best - reference[0])
    return total


# Scoring


def test_hypervolume_is_the_area_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = np.stack([rng.uniform(0, 100, 15), rng.uniform(1, 30, 15)], axis=1)
        assert hypervolume(points, (40.0, 25.0)) == pytest.approx(area(points, (40.0, 25.0)))


def test_the_whole_space_has_share_one_and_shares_never_fall(synthetic: Problem) -> None:
    points = synthetic.true(every(synthetic))
    assert hypervolume(points, synthetic.reference) == synthetic.best
    rows = synthetic.space.sample(np.random.default_rng(0), 60)
    found = shares(synthetic, rows)
    assert found[0] >= 0
    assert (np.diff(found) >= 0).all()
    assert found[-1] == pytest.approx(area(synthetic.true(rows), synthetic.reference) / synthetic.best)


def test_the_front_alone_has_share_one(synthetic: Problem) -> None:
    rows = every(synthetic)
    accuracy, cost = synthetic.true(rows).T
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    front = rows[order[np.flatnonzero(np.diff(best, prepend=-np.inf) > 0)]]
    assert len(front) < 100
    assert shares(synthetic, front)[-1] == pytest.approx(1, abs=1e-12)


def test_a_network_seen_twice_counts_twice() -> None:
    def stubborn(case: Problem, evaluate: Evaluate, seed: int) -> None:
        rows = case.space.sample(np.random.default_rng(seed), 2)
        evaluate(rows[0])
        while True:
            evaluate(rows[1])

    result = run("synthetic", Contestant("stubborn", stubborn), seed=3, evaluations=6)
    assert result["repeats"] == 4
    assert len(result["shares"]) == len(result["seconds"]) == 6
    assert len(set(result["shares"][1:])) == 1
    assert min(result["seconds"]) >= 0


# Black boxes


def test_macro_shows_the_first_training_and_scores_by_the_mean(macro: Problem) -> None:
    with data_file("nas_bench_macro/nas_bench_macro.csv").open() as file:
        table = list(csv.DictReader(file))
    rows = np.array([[int(digit) for digit in row["arch"]] for row in table])
    first, second, macs = (np.array([float(row[column]) for row in table]) for column in ("acc1", "acc2", "macs"))
    assert np.array_equal(macro.seen(rows), np.stack([first, macs], axis=1))
    assert np.allclose(macro.true(rows), np.stack([(first + second) / 2, macs], axis=1), rtol=0, atol=1e-9)
    assert macro.reference == (80.0, 105_660_928.0)


def test_random_search_finds_on_macro_what_is_known_of_it(macro: Problem) -> None:
    found = np.mean([run(macro.name, contestants()["random"], seed, 200)["shares"] for seed in range(8)], axis=0)
    assert found[[24, 49, 99, 199]] == pytest.approx([0.852, 0.890, 0.907, 0.931], abs=0.035)


def test_latency_takes_the_predicted_milliseconds(macro: Problem) -> None:
    case, rows = problem("latency"), macro.space.sample(np.random.default_rng(0), 50)
    assert np.array_equal(case.true(rows)[:, 0], macro.true(rows)[:, 0])
    assert np.corrcoef(np.log(case.true(rows)[:, 1]), np.log(macro.true(rows)[:, 1]))[0, 1] > 0.9
    assert 1 < case.reference[1] < 50


def test_mnasnet_macs_are_those_of_accel_nasbench() -> None:
    try:
        path = data_file("accel_nasbench/accel_nasbench.csv")
    except DataError as error:
        pytest.skip(str(error))
    space = tables._mnasnet()
    rows, accuracy, train = tables._accel_rows(space)
    with path.open() as file:
        stated = np.array([float(row["conv_macs_m_224"]) for row in csv.DictReader(file)])
    assert np.abs(mnasnet_macs(space, rows) / 1e6 - stated).max() < 0.0006
    assert (len(rows), int(train.sum())) == (4612, 4100)
    assert 40 < accuracy.min() < accuracy.max() < 70


def test_the_large_search_finds_the_front_of_a_space_that_can_be_enumerated(synthetic: Problem) -> None:
    front, evaluated = tables._large_search(synthetic.space, synthetic.true, population=300, generations=20)
    assert evaluated > 300 * 20
    assert hypervolume(synthetic.true(front), synthetic.reference) / synthetic.best > 0.9999


@pytest.mark.parametrize(("name", "size"), [("widths", 4**7), ("channels", 8**5)])
def test_wider_is_better_and_dearer_but_for_noise_as_large_as_it_says(name: str, size: int) -> None:
    case = problem(name)
    rows = every(case)
    assert len(rows) == case.space.size == size
    seen, true = case.seen(rows), case.true(rows)
    assert np.std(seen[:, 0] - true[:, 0]) == pytest.approx(0.2 * np.sqrt(2 / 3), rel=0.03)
    for variable in range(rows.shape[1]):
        narrow, wide = (true[rows[:, variable] == level] for level in (0, 1))
        assert (wide[:, 1] > narrow[:, 1]).all()
        assert (wide[:, 0] > narrow[:, 0] - 1).all()
        assert wide[:, 0].mean() > narrow[:, 0].mean()
    levels = [true[rows[:, 0] == level, 0].mean() for level in range(3)]
    assert levels[1] - levels[0] > levels[2] - levels[1]  # it saturates


# Samplers


@pytest.mark.parametrize("name", sorted(contestants()))
def test_samplers_search_and_repeat_themselves_with_the_same_seed(name: str) -> None:
    if name in ("pymoo", "botorch"):
        pytest.importorskip(name, reason=f"{name} is in the extra `benchmark`, which is not installed")
    count = {"botorch": 21, "gp": 11, "pareto": 11}.get(name, 30)
    first = run("synthetic", contestants()[name], 0, count)
    assert len(first["shares"]) == count
    assert first["repeats"] == 0 or name not in ("pareto", "random", "tpe_cached", "botorch")
    if name not in ("botorch", "gp"):  # these take seconds
        again, other = (run("synthetic", contestants()[name], seed, count) for seed in (0, 1))
        assert first["shares"] == again["shares"] != other["shares"]


def test_the_cached_sampler_never_pays_for_a_network_twice() -> None:
    result = run("synthetic", contestants()["tpe_cached"], 0, 60)
    assert result["repeats"] == 0


def test_ordered_choices_are_numbers_and_others_are_one_hot() -> None:
    space = load_space("tiny")
    row = space.sample(np.random.default_rng(0), 1)
    columns = sum(1 if variable.ordered else len(variable.values) for variable in space.variables)
    assert encoded(space, row).shape == (1, columns)
    assert encoded(space, np.zeros_like(row)).sum() == sum(not variable.ordered for variable in space.variables)


def test_scores_of_a_network_serve_all_its_genotypes(tmp_path: Path) -> None:
    space = load_space("tiny")
    path = tmp_path / "scores.csv"
    keys = [space.architecture(row).key for row in space.genotypes()]
    first = dict(zip(reversed(keys), reversed(list(space.genotypes())), strict=True))
    lines = [f"{''.join(map(str, row))},{int(key, 16)},0.5" for key, row in reversed(first.items())]
    path.write_text("\n".join(["canonical,naswot,naswot_seconds", *lines]) + "\n")
    scores = read_scores(path, space)
    assert scores.shape == (space.size, 1)
    assert scores[:, 0].tolist() == [float(int(key, 16)) for key in keys]
    lacking = tmp_path / "lacking.csv"
    lacking.write_text("\n".join(["canonical,naswot,naswot_seconds", *lines[1:]]) + "\n")
    with pytest.raises(DataError, match=r"lacking.csv: no row for the network of genotype \[0, 0,"):
        read_scores(lacking, space)


@pytest.mark.parametrize("name", ["pareto@8", "tpe_cached@8+"])
def test_samplers_search_with_several_at_once(name: str) -> None:
    result = run("widths", in_parallel()[name], 0, 20)
    assert len(result["shares"]) == 20
    assert result["repeats"] == 0
    assert result["shares"][:8] != run("widths", in_parallel()[name], 1, 20)["shares"][:8]


@pytest.mark.parametrize(("together", "running"), [(True, [0, 1, 2, 3]), (False, [0, 1, 2, 3, 3, 3])])
def test_so_many_run_at_once_and_are_told_when_they_end(together: bool, running: list[int]) -> None:
    told: list[tuple[int, int]] = []

    class Watching(RandomSampler):
        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: object) -> dict[str, object]:
            states = [other.state for other in study.trials if other.number != trial.number]
            told.append((states.count(TrialState.RUNNING), states.count(TrialState.COMPLETE)))
            return {}

    loop = with_optuna(lambda seed: Watching(seed=seed), places=Places(4, together))
    run("synthetic", Contestant("watching", loop), 0, 12)
    assert [count for count, _ in told[: len(running)]] == running
    assert [count for _, count in told[4:8]] == ([4] * 4 if together else [1, 2, 3, 4])


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the command ran: two samplers, two seeds."""
    path = tmp_path_factory.mktemp("benchmark")
    command(path)
    return path


def command(path: Path, *more: str) -> None:
    where = ["--results", str(path / "results"), "--docs", str(path / "docs")]
    what = ["--problems", "synthetic", "--samplers", "random,nsga2", "--seeds", "2", "--evaluations", "30"]
    search_efficiency.main([*where, *what, *more])


def test_runs_that_are_there_are_not_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_results(folder / "results")
    assert {(r["sampler"], r["seed"]) for r in before} == {(s, n) for s in ("random", "nsga2") for n in (0, 1)}
    capsys.readouterr()
    command(folder)
    assert capsys.readouterr().out == ""
    path = folder / "results" / "synthetic-random.jsonl"
    path.write_text(path.read_text()[:-20])  # as a kill would leave it
    command(folder)
    assert capsys.readouterr().out.startswith("1/1 synthetic random seed ")
    after = read_results(folder / "results")
    assert {r["sampler"]: r["shares"] for r in after} == {r["sampler"]: r["shares"] for r in before}
    assert len(after) == len(before)


def test_a_worker_process_and_this_one_find_the_same(folder: Path) -> None:
    (result,) = (r for r in read_results(folder / "results") if (r["sampler"], r["seed"]) == ("random", 1))
    assert result["shares"] == run("synthetic", Contestant("random", random_distinct), 1, 30)["shares"]


def test_the_page_has_the_figures_of_the_runs_and_keeps_what_people_wrote(folder: Path) -> None:
    page = folder / "docs" / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    found = [r["shares"][24] for r in read_results(folder / "results") if r["sampler"] == "random"]
    assert f"| random without repeats | 2 | {np.mean(found):.3f} ± {np.std(found, ddof=1):.3f} | – |" in text
    assert "cores" in text
    assert "optuna 5" in text
    assert (folder / "docs" / FIGURE).read_bytes().startswith(b"\x89PNG")
    page.write_text(f"by hand\n\n{text[text.index(BEGIN) :]}\nby hand too\n", encoding="utf-8")
    command(folder, "--render")
    again = page.read_text(encoding="utf-8")
    assert again.startswith(f"by hand\n\n{BEGIN}")
    assert again.endswith("by hand too\n")
    assert again[again.index(BEGIN) : again.index(END)] == text[text.index(BEGIN) : text.index(END)]


def test_the_page_of_several_at_once_says_what_is_lost_against_one(tmp_path: Path) -> None:
    command(tmp_path, "--parallel", "--samplers", "random,tpe_cached,tpe_cached@32", "--evaluations", "50")
    text = (tmp_path / "docs" / "scaling.md").read_text(encoding="utf-8")
    found = {(r["sampler"], r["seed"]): r["shares"][49] for r in read_results(tmp_path / "results")}
    lost = [found["tpe_cached", seed] - found["tpe_cached@32", seed] for seed in range(2)]
    (row,) = (line for line in text[text.index(PARALLEL) :].splitlines() if "cached | 32 |" in line)
    assert f"| {np.mean(lost):.4f} ± {np.std(lost, ddof=1) / np.sqrt(2):.4f} | – |" in row
    assert not (tmp_path / "docs" / "benchmarks.md").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--problems", "macros"],
            "unknown problem 'macros'; known: accel, channels, latency, macro, synthetic, widths",
        ),
        (["--samplers", "random,tpi"], "unknown sampler 'tpi'; known: botorch, gp, nsga2"),
    ],
)
def test_wrong_names_are_named(more: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        command(tmp_path, *more)


def test_missing_data_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAS_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"no nas_bench_macro/nas_bench_macro.csv in .*NAS_DATA_DIR names the folder"):
        data_file("nas_bench_macro/nas_bench_macro.csv")
