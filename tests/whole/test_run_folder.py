"""What names the run folder, and what must agree on resuming."""

import re
from dataclasses import make_dataclass
from pathlib import Path

import onnx
import pytest

from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments, run_folder
from nas.latency.profile import load_profile
from nas.problem import Problem
from nas.resources import data_dir
from nas.results.front import DataFacts
from nas.search.identity import identity
from nas.search.settings import SearchSettings
from nas.spaces.budget import Budget
from nas.spaces.load import AUTO, load_space, space_for

DATA = DataFacts("digits", None, ("0", "1"), 6, 2, 2, {"train": {"0": 3, "1": 3}}, 32)


def settings_of(*overrides: str) -> SearchSettings:
    (config,) = compose("search", SearchSettings, read_arguments(overrides))
    return parse(config, SearchSettings)


def folder_of(*overrides: str) -> str:
    (config,) = compose("search", SearchSettings, read_arguments(overrides))
    return run_folder(config, SearchSettings)


def identity_of(settings: SearchSettings) -> dict[str, object]:
    name = settings.search_space
    space = load_space(space_for(DATA.native_resolution) if name == AUTO else name).with_data(1, 2)
    problem = Problem(space, load_profile(settings.devices[0]), Budget.parse(settings.budget), settings.objectives)
    return identity(settings, problem, DATA)


def test_the_default_run_folder_is_readable_and_the_same_for_the_same_command(here: Path) -> None:
    folder = folder_of("budget=[300M,25ms]", "seed=3")
    assert re.fullmatch(r"pixel4-300M_25ms-auto-digits-seed3-[0-9a-f]{6}", folder)
    assert folder == folder_of("seed=3", "budget=[300M,25ms]")


@pytest.mark.parametrize(
    "change",
    [
        *("hardware=pixel4:1large_int8", "budget=150M", "search_space=tiny", "seed=1", "objectives=[accuracy,macs]"),
        *("data.limit=100", "sampler=random", "sampler.start=5", "proxy.epochs=9", "hardware=other/pixel4"),
        *("warm_start=false", "baselines.widths=[]", "rungs=[short,long]", "keep=0.5", "long.epochs=9"),
    ],
)
def test_what_makes_results_comparable_changes_the_run_folder(change: str, here: Path) -> None:
    assert folder_of(change) != folder_of()


@pytest.mark.parametrize(
    "change",
    [
        *("trials=99", "workers=7", "accelerator=cpu", "time_limit=5", "confirm.epochs=3", "tracker=wandb"),
        *("storage=sqlite:///x.db", "executor=local", "budget=300M", "patience=9", "patience_gain=0.1"),
        *("device=adb", "reach.serial=x", "baselines.seeds=2", "confirm.extra=9", "time_limit=null"),
    ],
)
def test_what_may_change_on_resuming_does_not(change: str, here: Path) -> None:
    assert folder_of(change) == folder_of()
    assert identity_of(settings_of(change)) == identity_of(settings_of())


def test_a_study_holds_the_space_that_auto_chose_and_the_folder_is_named_before_it_is_known(here: Path) -> None:
    assert identity_of(settings_of()) == identity_of(settings_of("search_space=small"))
    assert identity_of(settings_of()) != identity_of(settings_of("search_space=separable"))
    (here / "auto").write_text("")
    assert "-auto-" in folder_of()


@pytest.mark.parametrize("budget", ["300m", "0.3G", "[300M]", "300000000macs"])
def test_spellings_of_one_budget_are_one_run(budget: str, here: Path) -> None:
    assert folder_of(f"budget={budget}") == folder_of()


def spaces_and_profiles(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "x.yaml").write_bytes((data_dir("search_spaces") / "tiny.yaml").read_bytes())
    (folder / "device").symlink_to(data_dir("hardware_profiles") / "host_x86")
    (folder / "teacher.onnx").write_bytes(b"")


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("budget=300M", ["budget=300m", "budget=300 M", "budget=[0.3G]", "budget=' 300e6MACs '", "budget=300000k"]),
        ("budget=0.29G", ["budget=290M", "budget=290000k", "budget=2.9e8macs"]),
        ("budget=[25ms,300M]", ["budget=[300M,25ms]", "budget=['25 MS',0.3g]"]),
        ("search_space=x.yaml", ["search_space=./x.yaml", "search_space=sub/../x.yaml", "search_space=HERE/x.yaml"]),
        ("search_space=tiny", ["search_space=SHIPPED/search_spaces/tiny.yaml"]),
        ("hardware=pixel4", ["hardware=pixel4:1large_fp32", "hardware=SHIPPED/hardware_profiles/pixel4"]),
        ("hardware=host_x86", ["hardware=device", "hardware=./device/", "hardware=HERE/device"]),
        ("hardware=pixel4:1large_int8", ["hardware=SHIPPED/hardware_profiles/pixel4/:1large_int8"]),
        ("keep=0.5", ["keep=0.50", "keep=5e-1", "keep=.5"]),
        ("proxy.correction=1", ["proxy.correction=1.0", "proxy.correction=1e0"]),
        ("warm_start=true", ["warm_start=True", "warm_start=TRUE"]),
        ("rungs=[short]", ["rungs=null", "rungs=['short']"]),
        ("baselines.widths=[1]", ["baselines.widths=[1.0]", "baselines.widths=[1e0]"]),
        ("training.distillation.teacher=teacher.onnx", ["training.distillation.teacher=./teacher.onnx"]),
        (
            "data=imagefolder data.path=sub",
            ["data=imagefolder data.path=./sub/", "data=imagefolder data.path=HERE/sub"],
        ),
    ],
)
def test_spellings_of_one_value_name_one_folder(one: str, others: list[str], here: Path) -> None:
    spaces_and_profiles(here)
    shipped = str(data_dir("search_spaces").parent)
    words = [one, *(other.replace("HERE", str(here)).replace("SHIPPED", shipped) for other in others)]
    parts = [re.split(r" (?=data\.)", word) for word in words]
    assert len({folder_of(*each) for each in parts}) == 1
    assert len({str(settings_of(*each).canonical()) for each in parts if "budget" not in each[0]}) <= 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        *(
            ("seed=1", "seed"),
            ("budget=150M", "budget"),
            ("proxy.epochs=9", "proxy.epochs"),
            ("keep=0.5", "keep"),
        ),
        *(("training.ema=0.9", "training.ema"), ("data.shift=1", "data.shift"), ("sampler.start=9", "sampler.start")),
    ],
)
def test_a_study_names_the_setting_in_which_it_differs(change: str, named: str, here: Path) -> None:
    ours, theirs = identity_of(settings_of()), identity_of(settings_of(change))
    assert {key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)} == {named}


@pytest.mark.parametrize(("change", "named"), [("sampler=random", "sampler.name"), ("proxy=score", "proxy.name")])
def test_another_choice_of_a_group_is_named_before_its_options(change: str, named: str, here: Path) -> None:
    ours, theirs = identity_of(settings_of()), identity_of(settings_of(change))
    assert next(key for key, value in theirs.items() if ours.get(key) != value) == named
    assert next(key for key, value in ours.items() if theirs.get(key) != value) == named


def test_a_setting_added_with_a_default_and_a_renamed_class_orphan_no_run(here: Path) -> None:
    settings = settings_of()
    more = make_dataclass("Renamed", [("colour", str, "red")], bases=(SearchSettings,), frozen=True, slots=True)
    values = {name: getattr(settings, name) for name in SearchSettings.__dataclass_fields__}
    same, other = more(**values), more(**values, colour="blue")
    assert (same.run_name(), identity_of(same)) == (settings.run_name(), identity_of(settings))
    assert other.run_name() != settings.run_name()
    assert identity_of(other) == {**identity_of(settings), "colour": "blue"}


def test_a_teacher_counts_by_what_it_holds(here: Path) -> None:
    names = []
    for path, graph in (("a.onnx", "one"), ("b.onnx", "one"), ("c.onnx", "two")):
        model = onnx.helper.make_model(onnx.helper.make_graph([], graph, [], []))
        (here / path).write_bytes(model.SerializeToString())
        names.append(identity_of(settings_of(f"training.distillation.teacher={path}")))
    assert names[0] == names[1] != names[2]


def test_wrong_settings_have_any_name(here: Path) -> None:
    assert folder_of("budget=abc") == folder_of("+colour=red") == "wrong-settings"
