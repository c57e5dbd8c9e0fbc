"""What is fuzzed: a function for each parser, which makes the examples and the call that reads one input."""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from omegaconf import OmegaConf

from benchmarks.fuzz_inputs import as_json, as_lines, as_table, as_words, as_yaml, rows_of, text_of
from nas.commandline.composing import compose, read_arguments, read_overrides
from nas.commandline.settings import parse
from nas.errors import ArchitectureError
from nas.latency.few_shot import read_rows
from nas.latency.predictor import latency
from nas.latency.profile import known_profiles, load_profile, read_profile_yaml
from nas.latency.profile_tables import read_kernels, read_latencies, read_layer_times, read_networks
from nas.reading.json_text import parse_json
from nas.record import RecordSettings
from nas.recording.bundle import configuration, plan, planned_model
from nas.recording.recordings import read_results
from nas.recording.rows import read_plan
from nas.recording.validation_file import read_entries, remeasured_before
from nas.results.run_folder import read_front
from nas.results.trials import read_trials
from nas.search.record.journal import open_journal
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline, load_architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.interchange.slim import read_slim, write_slim
from nas.spaces.load import known_spaces, load_space
from tests.helpers.recordings import TINY, made_up
from tests.helpers.run_sample import sample_front, sample_trials, write_run

NOTATIONS = (
    "224x3 conv3/2-32 sep3-64 mb5e6/2-24x2 conv1-1280 fc1000",
    "48x3 conv3/2-16 mb5e3-24:hswish:se0.25 mb3e3-24:elu sep3-20:relu sep3-30:nobn fc10",
    "32x3 conv3-16:bias max3/2-16 fire3h8-32 sh3/2-64 gs3/2-96:g4 dense3h32-104:g4 mb3h40-40:dw3:noskip gap1-40 fc5",
)
EVERY_KIND = Architecture.from_notation(NOTATIONS[1])


@dataclass(frozen=True, slots=True)
class Target:
    """One parser: `read` takes an input, `seeds` are right ones."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes] = ()


def _text(read: Callable[[str], object], *examples: str) -> Target:
    """A parser of a line."""
    words = [example.split(" ") for example in examples]

    def call(data: bytes) -> None:
        read(text_of(data, words, as_words).decode("utf-8", "replace"))

    return Target(call, [example.encode() for example in examples])


def _file(path: Path, read: Callable[[], object], examples: Sequence[Any], write: Callable[[Any], str]) -> Target:
    """A parser of the file `path`."""

    def call(data: bytes) -> None:
        path.write_bytes(text_of(data, examples, write))
        read()

    return Target(call, [write(example).encode() for example in examples])


def _counted(arch: Architecture) -> None:
    cost(arch)
    assert Architecture.from_json(arch.to_json()).key == arch.key
    assert Architecture.from_notation(arch.notation) == arch


def notation(_: Path) -> Target:
    """A network in one line."""
    return _text(lambda text: _counted(Architecture.from_notation(text)), *NOTATIONS)


def network_name(_: Path) -> Target:
    """The name of a published network."""
    return _text(lambda text: _counted(baseline(text)), "mobilenet_v1", "mobilenet_v2_w0.75_r192", "mobilenet_v2_w1.4")


def architecture(folder: Path) -> Target:
    """A network's JSON file."""
    path = folder / "net.json"
    examples = [Architecture.from_notation(line).to_json() for line in NOTATIONS]
    return _file(path, lambda: _counted(load_architecture(path)), examples, as_json)


def space(folder: Path) -> Target:
    """A search space's YAML file."""
    path = folder / "mine.yaml"

    def read() -> None:
        found = load_space(path)
        _counted(found.architecture(found.sample(np.random.default_rng(0), 1)[0]))

    examples = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in known_spaces().values()]
    return _file(path, read, examples, as_yaml)


def timm(_: Path) -> Target:
    """A definition of timm's."""

    def read(text: str) -> None:
        _counted(Architecture.from_timm(parse_json(text, "timm", ArchitectureError)))

    return _text(read, *(json.dumps(baseline(name).to_timm()) for name in ("mobilenet_v2", "mobilenet_v4_conv_small")))


def slim(_: Path) -> Target:
    """A list of convolutions as TF-slim has it."""
    return _text(read_slim, write_slim(baseline("mobilenet_v1").blocks))


def budget(_: Path) -> Target:
    """A limit, or several."""

    def read(text: str) -> None:
        found = Budget.parse(text.split(","))
        found.excess(dict.fromkeys(found.limits, 1e6))

    return _text(read, "300M", "25ms,4MB", "512KB-ram", "1.5e2 Mparams", "0.3G")


def _profile(folder: Path, name: str) -> Path:
    """A small copy of a profile, quick to read."""
    copy = Path(shutil.copytree(known_profiles()[name], folder / name))
    kept = rows_of((copy / "networks.csv").read_text())[:7]
    names = {row[0] for row in kept}
    (copy / "networks.csv").write_text(as_table(kept))
    for table in ("latency.csv", "kernels.csv"):
        if (copy / table).exists():
            rows = rows_of((copy / table).read_text())
            (copy / table).write_text(as_table([row for row in rows if row[1] in names or row[1] == "name"]))
    if (copy / "layers.csv").exists():
        (copy / "layers.csv").write_text(as_table(rows_of((copy / "layers.csv").read_text())[:12]))
    return copy


def profile_yaml(folder: Path) -> Target:
    """profile.yaml, of one configuration."""
    copy = _profile(folder, "pixel4")
    whole = yaml.safe_load((copy / "profile.yaml").read_text(encoding="utf-8"))
    name = whole["default"]
    example = {**whole, "configurations": {name: whole["configurations"][name]}, "notes": ["a note"]}
    return _file(copy / "profile.yaml", lambda: read_profile_yaml(copy / "profile.yaml"), [example], as_yaml)


def _table(folder: Path, file: str, read: Callable[[Path, Mapping[str, Architecture]], Iterable[object]]) -> Target:
    """A table of a profile; one time in 64 the whole profile is loaded, and used for a prediction."""
    copy = _profile(folder, "host_x86")
    path, calls, networks = copy / file, [0], read_networks(copy / "networks.csv")

    def call() -> None:
        deque(read(path, networks), maxlen=0)
        calls[0] += 1
        if calls[0] % 64 == 0:
            latency(EVERY_KIND, load_profile(copy))

    return _file(path, call, [rows_of(path.read_text(encoding="utf-8"))], as_table)


def import_table(folder: Path) -> Target:
    """Networks timed by hand."""
    path = folder / "rows.csv"
    rows = [["arch", "ms"], ["mobilenet_v1", "30"], [NOTATIONS[0], "2.5"], [as_json(EVERY_KIND.to_json()), "1e-1"]]
    return _file(path, lambda: read_rows(path), [rows], as_table)


def results(folder: Path) -> Target:
    """results.jsonl of a recording."""
    path = made_up(folder / "results.jsonl", configuration(1, "fp32"), count=4)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return _file(path, lambda: read_results(path), [rows], as_lines)


def plan_file(folder: Path) -> Target:
    """plan.json of a bundle."""
    planned = plan(TINY, 0, 0.05, [configuration(1, "fp32")])
    planned = {**planned, "chunks": [planned["chunks"][0][:2], planned["chunks"][0][-2:]]}

    def read() -> None:
        for chunk in read_plan(folder)["chunks"]:
            for entry in chunk:
                planned_model("plan.json", entry)

    return _file(folder / "plan.json", read, [planned], as_json)


def validation(folder: Path) -> Target:
    """validation.json of a profile's folder."""
    whole = json.loads((known_profiles()["host_x86"] / "validation.json").read_text(encoding="utf-8"))
    for entry in whole["configurations"].values():
        entry["networks"] = [*entry["networks"][:2], *entry["networks"][-2:]]
    names = list(whole["configurations"])

    def read() -> None:
        for entry in read_entries(folder, names).values():
            remeasured_before(entry, "", ())

    return _file(folder / "validation.json", read, [whole], as_json)


def front(folder: Path) -> Target:
    """front.json of a run."""
    content = json.loads(as_json(sample_front(2).to_json()))
    return _file(folder / "front.json", lambda: read_front(folder), [content], as_json)


def trials(folder: Path) -> Target:
    """trials.csv of a run."""
    write_run(folder, sample_front(2), sample_trials(4, 2, 1, 1))
    rows = rows_of((folder / "trials.csv").read_text(encoding="utf-8"))
    return _file(folder / "trials.csv", lambda: read_trials(folder), [rows], as_table)


def _settings(name: str, kind: type[Any]) -> Target:
    """The settings of a command, as Hydra gives them."""
    (config,) = compose(name, kind, read_arguments([]))
    keys = [str(key) for key in config if key != "hydra"]
    plain = OmegaConf.to_container(OmegaConf.masked_copy(config, keys))

    def call(data: bytes) -> None:
        value = json.loads(text_of(b"\0" + data, [plain], as_json))
        parse(OmegaConf.create(value if isinstance(value, dict) else {}), kind)

    return Target(call)


def overrides(_: Path) -> Target:
    """Words of the command line."""
    return _text(
        lambda text: read_overrides(text.split(" ")),
        *("arch=mobilenet_v1 hardware=pixel4", "format=json arch='{a: 1}'", "arch=[1,2] +x=${a}", "~a a.b@c=null"),
    )


def journal(folder: Path) -> Target:
    """study.journal of a run."""
    path = folder / "study.journal"
    study = optuna.create_study(storage=open_journal(path), study_name="a", directions=["maximize", "minimize"])
    study.set_user_attr("identity", {"version": 1})
    for number in range(2):
        trial = study.ask()
        trial.suggest_int("kernel", 0, 3)
        trial.set_user_attr("key", "a")
        study.tell(trial, [0.5, float(number)])
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def read() -> None:
        for found in open_journal(path).get_all_studies():
            optuna.load_study(study_name=found.study_name, storage=open_journal(path)).get_trials()

    return _file(path, read, [rows], as_lines)


TARGETS: Mapping[str, Callable[[Path], Target]] = {
    "notation": notation,
    "network_name": network_name,
    "architecture": architecture,
    "timm": timm,
    "slim": slim,
    "space": space,
    "budget": budget,
    "profile_yaml": profile_yaml,
    "networks_csv": lambda folder: _table(folder, "networks.csv", lambda path, _: read_networks(path)),
    "latency_csv": lambda folder: _table(folder, "latency.csv", read_latencies),
    "kernels_csv": lambda folder: _table(folder, "kernels.csv", read_kernels),
    "layers_csv": lambda folder: _table(folder, "layers.csv", lambda path, _: read_layer_times(path)),
    "import_table": import_table,
    "results": results,
    "plan": plan_file,
    "validation": validation,
    "front": front,
    "trials": trials,
    "overrides": overrides,
    "journal": journal,
    "settings": lambda _: _settings("record", RecordSettings),
    "search_settings": lambda _: _settings("search", SearchSettings),
}
"""By name, what makes each target in a folder of its own."""
