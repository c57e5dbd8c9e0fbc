"""Files and texts: networks, spaces, budgets, profiles, tables to import, results of recordings."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nas.recording.bundle import configuration
from tests.helpers.bad_inputs import BadInput, Content
from tests.helpers.paths import ROOT
from tests.helpers.recordings import made_up

DEEP = "[" * 100_000
LONG = "9" * 5000
TREE = '{"a":' * 100_000
BLOCK = {"op": "sep", "kernel": 3, "stride": 1, "out_channels": 8}
NET = {"resolution": 32, "in_channels": 3, "classes": 2, "blocks": [BLOCK]}


def pipe(path: Path) -> None:
    """A named pipe, which nobody writes to."""
    os.mkfifo(path)


def link_to(target: str) -> Callable[[Path], None]:
    """A symbolic link."""
    return lambda path: path.symlink_to(target)


def zeros(size: int) -> Callable[[Path], None]:
    """A file of so many bytes, which takes no room on the disk."""

    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def laughs(key: str) -> str:
    """YAML whose aliases double, sixty times over, what `key` holds."""
    chain = "\n".join(f"a{n}: &a{n} [{f'*a{n - 1}, *a{n - 1}' if n else 'x, x'}]" for n in range(60))
    return f"{chain}\n{key}: *a59\n"


# Networks: a notation, a name, a JSON file


def network(arch: str, says: str) -> BadInput:
    return BadInput("predict", ("hardware=pixel4", f"arch='{arch}'"), says=says)


NETWORKS = [
    network("32x3 sep3-64x1000000000 fc10", r"cannot read the block 'sep3-64x1000000000'"),
    network("32x3 sep3-64x9999999 fc10", r"a network has at most 1,000 blocks, got 9,999,999"),
    network("32x3 " + "sep3-64x999 " * 100 + "fc10", r"a network has at most 1,000 blocks, got 99,900"),
    network(f"32x3 sep3-{LONG} fc10", r"cannot read the block 'sep3-9999.*…"),
    network(f"{LONG}x3 sep3-8 fc10", r"cannot read '9999.*a notation is like"),
    network("32x3 sep3-8 fc9999999", r"classes must be at most 1,000,000, got 9999999"),
    network("32x3 sep3-1000001 fc10", r"out_channels must be at most 1,000,000, got 1000001"),
    network("999999x3 conv9999-99999 fc10", r"a network has at most 9.0e\+15 multiply-accumulates, got some"),
    network("32x3 sep3-٣٢ fc10", r"cannot read the block 'sep3-٣٢'"),
    network("٣٢x3 sep3-8 fc10", r"cannot read '٣٢x3"),
    network("32x3 sep3-8:relu:relu6 fc10", r"'sep3-8:relu:relu6' says its activation twice"),
    network("32x3 sep3-8:se0.25:se0.5 fc10", r"'sep3-8:se0.25:se0.5' says its se twice"),
    network("32x3 sep3-8:nobn:nobn fc10", r"says its norm_between twice"),
    network("32x3 sep3-8:se0.0000000001 fc10", r"se must be 0 or at least 1e-06"),
    network("32x3 " + "sep3-8 " * 20_000 + "fc10", r"has 140,016 characters, over 20,000"),
    network("32x3 sep4-8 fc10", r"kernel must be odd"),
    network("32x3 sep3/0-8 fc10", r"stride must be a whole number above 0, got 0"),
    network("32x3 fc10", r"at least one block"),
    network("mobilenet_v2_w" + "9" * 400, r"unknown network 'mobilenet_v2_w9+…; python -m nas.networks lists"),
    network("mobilenet_v2_w999", r"mobilenet_v2_w999: .*out_channels must be at most 1,000,000"),
    network("mobilenet_v2_w0", r"the width of 'mobilenet_v2_w0' must be above 0"),
    network(f"mobilenet_v1_r{LONG}", r"unknown network 'mobilenet_v1_r9+…"),
    network("mobilenet_v1_r9999999", r"resolution must be at most 1,000,000, got 9999999"),
    network("mobilenet_v2_w٠.٥", r"unknown network 'mobilenet_v2_w٠.٥'"),
    network("x" * 5000, r"unknown network 'xxx.*…"),
    network("~nobody/net.json", r"/net.json: cannot be read: No such file"),
]


def json_file(content: Content, says: str) -> BadInput:
    return BadInput("predict", ("hardware=pixel4", "arch=net.json"), files={"net.json": content}, says=says)


def edited_net(**changes: Any) -> str:
    return json.dumps({**NET, **changes})


JSON_FILES = [
    json_file("", r"net.json: not JSON: Expecting value"),
    json_file(DEEP, r"net.json: nested deeper than 64 levels"),
    json_file(TREE, r"net.json: nested deeper than 64 levels"),
    json_file(f'{{"resolution": {LONG}}}', r"net.json: a number of 5000 characters is too long"),
    json_file(edited_net(resolution=10**30), r"net.json: resolution must be at most 1,000,000"),
    json_file('{"resolution": 32, "resolution": 64, "blocks": []}', r"net.json: the key 'resolution' is given twice"),
    json_file(edited_net(blocks=[{**BLOCK, "kernel": True}]), r"block 0: .*kernel must be a whole number"),
    json_file(edited_net(blocks=[{**BLOCK, "op": ["sep"]}]), r"block 0: unknown op \['sep'\]"),
    json_file(edited_net(blocks=[{**BLOCK, "activation": {}}]), r"block 0: .*unknown activation \{\}"),
    json_file(edited_net(blocks=[{**BLOCK, "se": 1e-300}]), r"block 0: .*se must be 0 or at least 1e-06"),
    json_file(edited_net(blocks=[{**BLOCK, "out_channels": 10**12}]), r"block 0: .*out_channels must be at most"),
    json_file(edited_net(blocks=[BLOCK] * 2000), r"a network has at most 1,000 blocks, got 2,000"),
    json_file(edited_net(blocks={"a": 1}), r"blocks must be a list, got \{'a': 1\}"),
    json_file(edited_net(blocks=[5]), r"block 0 must be a JSON object, got 5"),
    json_file(edited_net(**{f"key{n}": n for n in range(20_000)}), r"unknown keys key0, key1, .* more; known: blocks"),
    json_file('{"resolution": NaN, "blocks": []}', r"net.json: NaN is no number"),
    json_file('{"resolution": 1e999, "blocks": []}', r"net.json: a number beyond"),
    json_file('{"resolution": ٣٢, "blocks": []}', r"net.json: not JSON"),
    json_file(json.dumps(NET).encode("utf-16"), r"net.json: not UTF-8 text \(byte 1 is 0xff\); save it as UTF-8"),
    json_file(pipe, r"net.json: is a pipe or device; give a file"),
    json_file(link_to("/dev/zero"), r"net.json: is a pipe or device; give a file"),
    json_file(Path.mkdir, r"net.json: is a folder; give a file"),
    json_file(zeros(10**8), r"net.json: is larger than 1,000,000 bytes"),
    json_file("x" * 5_000_000, r"net.json: is larger than 1,000,000 bytes"),
    json_file("x" * 999_999, r"net.json: not JSON: Expecting value"),
    json_file("5", r"architecture must be a JSON object, got 5"),
]

# Search spaces

SPACE = """\
resolution: 32
downsample: 2
classes: 2
stages:
  - {op: sep, kernel: 3, out_channels: 16, stride: 2}
"""
STAGE = "{op: sep, kernel: 3, out_channels: 16, stride: 2}"


def space(content: Content, says: str) -> BadInput:
    return BadInput("record", ("hardware=x", "search_space=mine.yaml"), files={"mine.yaml": content}, says=says)


def space_with(old: str, new: str, says: str) -> BadInput:
    assert old in SPACE
    return space(SPACE.replace(old, new), rf"mine.yaml: {says}")


SPACES = [
    space_with("16", "016", r"not YAML: line 5: 016: write 16, or quote it"),
    space_with("32", "1:36", r"not YAML: line 1: 1:36: write a plain decimal number"),
    space_with("32", "0x20", r"not YAML: line 1: 0x20: write a plain decimal number"),
    space_with("32", "1_024", r"not YAML: line 1: 1_024: write a plain decimal number"),
    space_with("32", "٣٢", r"resolution: cannot be '٣٢'"),
    space_with("32", LONG, r"not YAML: line 1: 999.*a number of 5000 characters is too long"),
    space_with("32", "2001-99-99", r"resolution: cannot be '2001-99-99'"),
    space_with("16", "1000000000000", r"stage1.out_channels: must be at most 1,000,000"),
    space_with("kernel: 3", "kernel: 999999", r"a network has at most .* multiply-accumulates|stage1"),
    space_with(
        "stride: 2", "stride: 2, depth: 1000000", r"the networks of a space have at most 200 blocks, got 1,000,000"
    ),
    space_with("stride: 2", "stride: 2, stride: 1", r"not YAML: line 5: the key 'stride' is given twice"),
    space_with("kernel: 3", "kernel: [3, 3]", r"stage1.kernel: a choice is listed twice"),
    space_with(
        "resolution: 32", "resolution: [" + ", ".join(map(str, range(1, 500))) + "]", r"resolution: has 499 choices"
    ),
    space_with("resolution: 32", "resolution: 32\nwidth: 1e-300", r"width: must be above 0"),
    space_with("resolution: 32", "resolution: 32\nwidth: 1e300", r"width: must be above 0, got 1e\+300; from 0.001"),
    space_with(
        "resolution: 32",
        f"resolution: 32\nwidth: {'9' * 400}",
        r"not YAML: line 2: 9+…: a number of 400 characters is too long",
    ),
    space_with("resolution: 32", "resolution: 32\nwidth: .inf", r"not YAML: line 2: .inf"),
    space_with(f"  - {STAGE}", f"  - {STAGE}\n" * 200, r"stages: at most 100 are read, got 200"),
    space_with(
        "downsample: 2\nclasses: 2\nstages:\n",
        "downsample: 64\nclasses: 2\nstages:\n" + f"  - {STAGE}\n".replace("stride: 2", "stride: [1, 2]") * 39,
        r"downsample: 575,757 choices of strides multiply to 64, at most 1,000 may",
    ),
    space(laughs("width"), r"mine.yaml: not YAML: line \d+: with its aliases it has more than 50,000 values"),
    space(laughs("stages"), r"mine.yaml: not YAML: line \d+: with its aliases it has more than"),
    space("a: &a [*a]\n", r"mine.yaml: not YAML: line 1: an alias stands inside of what it means"),
    space("a: " + "[" * 3000, r"mine.yaml: not YAML: line 1: nested deeper than 20 levels"),
    space("- " * 3000, r"mine.yaml: not YAML: line 1: nested deeper than 20 levels"),
    space("a: !!python/object/apply:os.system [echo]\n", r"mine.yaml: not YAML: line 1: the tag .* is not read"),
    space(zeros(10**8), r"mine.yaml: is larger than 1,000,000 bytes"),
    space("a: 1\n" * 100_000, r"mine.yaml: has 500,000 characters; at most 200,000 are read"),
    space("\n".join(f"key{n}: {n}" for n in range(9000)), r"mine.yaml: unknown key 'key0'; known: "),
    space("x" * 150_000, r"mine.yaml: must be a mapping of keys to values, got 'xxx.*…"),
    space(b"resolution: \xf6\n", r"mine.yaml: not UTF-8 text \(byte 13 is 0xf6\)"),
    space(pipe, r"mine.yaml: is a pipe or device; give a file"),
    BadInput("record", ("hardware=x", "search_space=/etc/passwd"), says=r"/etc/passwd: "),
    BadInput("record", ("hardware=x", "search_space=/dev/zero"), says=r"/dev/zero: is a pipe or device; give a file"),
    BadInput("search", ("search_space=/dev/zero",), says=r"/dev/zero: is a pipe or device; give a file"),
    BadInput("record", ("hardware=x", f"search_space={'s' * 5000}"), says=r"unknown search space 'sss.*…; known: lite"),
]

# Budgets

BUDGETS = [
    BadInput("search", (f"budget='{text}'",), says=says)
    for text, says in (
        ("9" * 19_000, r"cannot read the budget '999.*…; use 300M"),
        (f"{LONG}M", r"cannot read the budget '999"),
        ("1e300M", r"no network is near a budget of 1e\+300M MACs"),
        ("1e-300ms", r"no network is near a budget of 1e-300 ms"),
        ("٣٠٠M", r"cannot read the budget '٣٠٠M'"),
        ("3_00M", r"cannot read the budget '3_00M'"),
        ("300MM", r"unknown unit 'MM' in the budget"),
        ("-5ms", r"a budget must be above 0, got -5 ms"),
    )
]

# Profiles


def profile(name: str, changes: Mapping[str, Callable[[str], str]], **more: Content) -> dict[str, Content]:
    """The files of the shipped profile `name` in the folder `mine`, each with its change."""
    files: dict[str, Content] = {}
    for file in sorted((ROOT / "hardware_profiles" / name).glob("*.[cy]*")):
        text = file.read_text(encoding="utf-8")
        files[f"mine/{file.name}"] = changes.get(file.name, str)(text)
    return {**files, **{f"mine/{key}": content for key, content in more.items()}}


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def cell(column: str, value: str) -> Callable[[str], str]:
    """The first row with another `value` in that column."""

    def change(text: str) -> str:
        header, first, *others = text.splitlines()
        row = dict(zip(header.split(","), first.split(","), strict=True)) | {column: value}
        return "\n".join([header, ",".join(row.values()), *others, ""])

    return change


def twice(text: str) -> str:
    return text + text.splitlines()[1] + "\n"


def pixel4(file: str, change: Callable[[str], str], says: str) -> BadInput:
    files = profile("pixel4", {file: change})
    return BadInput("validate", ("hardware=./mine", "store=false"), files=files, says=rf"{file}{says}")


def recorded(file: str, change: Callable[[str], str], says: str) -> BadInput:
    files = profile("host_x86", {file: change})
    return BadInput("predict", ("hardware=./mine", "arch=mobilenet_v1"), files=files, says=rf"{file}{says}")


PROFILES = [
    pixel4("profile.yaml", replaced("default: 1large_fp32", "default: [1]"), r": default: .* got \[1\]"),
    pixel4("profile.yaml", replaced("precision: fp32", "precision: [fp32]"), r": configurations.1large_fp32.precision"),
    pixel4("profile.yaml", replaced("threads: 1", "threads: 016"), r": not YAML: line \d+: 016: write 16"),
    pixel4("profile.yaml", replaced("threads: 1", "threads: 1e9"), r": configurations.1large_fp32.threads: "),
    pixel4("profile.yaml", replaced("threads: 1", "threads: yes"), r": configurations.1large_fp32.threads: .*'yes'"),
    pixel4("profile.yaml", lambda text: text + "soc: again\n", r": not YAML: line \d: the key 'soc' is given twice"),
    pixel4("profile.yaml", replaced("device: ", "device: [a]\nold: "), r": (device|old): "),
    pixel4("profile.yaml", lambda text: laughs("device"), r": not YAML: line \d+: with its aliases"),
    pixel4("profile.yaml", lambda text: f"device: '{'x' * 150_000}'\n", r": .* is missing|: device: "),
    pixel4("profile.yaml", lambda text: "a: " + "[" * 3000, r": not YAML: line 1: nested deeper"),
    pixel4("profile.yaml", lambda text: "\n".join(f"k{n}: 1" for n in range(20_000)), r": has .* characters|: "),
    pixel4("latency.csv", cell("mean_ms", "1e-300"), r":2: mean_ms must be above 0, got '1e-300'"),
    pixel4("latency.csv", cell("mean_ms", "1e300"), r":2: mean_ms must be a number of milliseconds, got '1e300'"),
    pixel4("latency.csv", cell("mean_ms", LONG), r":2: mean_ms must be a number of milliseconds, got '999"),
    pixel4("latency.csv", cell("mean_ms", "3_0"), r":2: mean_ms must be a number of milliseconds, got '3_0'"),
    pixel4("latency.csv", cell("spread_ms", "٣"), r":2: spread_ms must be a number of milliseconds, got '٣'"),
    pixel4("latency.csv", cell("name", '"' + "x" * 200_000), r":\d+: not CSV: field larger than field limit"),
    pixel4("latency.csv", replaced("mean_ms", "name"), r":1: the columns must be|:1: the column 'name' is given twice"),
    pixel4("latency.csv", lambda text: text + "\0", r":272: holds a NUL, and is no table"),
    pixel4("latency.csv", twice, r":272: network 'mobilenet_w1' is measured twice"),
    pixel4("networks.csv", twice, r":20: network 'mobilenet_w1' is given twice"),
    pixel4("networks.csv", cell("notation", f"224x3 sep3-{LONG} fc10"), r":2: cannot read the block 'sep3-999"),
    pixel4("networks.csv", cell("notation", "224x3 sep3-8x1000000000 fc10"), r":2: cannot read the block"),
    pixel4(
        "networks.csv",
        lambda text: text + text.splitlines()[1].replace("mobilenet_w1,224x3", "again,0224x3") + "\n",
        r":20: network 'again' is the same as 'mobilenet_w1'",
    ),
    recorded("kernels.csv", cell("layers_us", "1 2 3"), r":2: network '\w+' has 17 layers, layers_us has 3"),
    recorded("kernels.csv", twice, r":\d+: network '\w+' is measured twice on '1t_fp32'"),
    recorded("kernels.csv", cell("other_us", "-1"), r":2: other_us must be a number of microseconds"),
    recorded("layers.csv", cell("stride", "0"), r":2: stride must be from 1 to 1,000,000, got 0"),
    recorded("layers.csv", cell("in_size", "-7"), r":2: in_size must be from 1 to 1,000,000, got -7"),
    recorded("layers.csv", cell("in_channels", "1" + "0" * 12), r":2: in_channels must be from 1 to 1,000,000"),
    recorded("layers.csv", cell("kernel", LONG), r":2: kernel a number of 5000 characters is too long"),
    recorded("layers.csv", twice, r":\d+: this layer is measured twice on '1t_fp32'"),
    recorded("latency.csv", cell("low_ms", "50"), r":2: mean_ms must be from low_ms to high_ms"),
    recorded("latency.csv", cell("role", "train"), r":2: role must be one of fit, validate, got 'train'"),
    BadInput(
        "predict", (f"hardware={'h' * 5000}", "arch=mobilenet_v1"), says=r"unknown hardware 'hhh.*…; known: aws_c5"
    ),
    BadInput(
        "predict", ("hardware=/etc", "arch=mobilenet_v1"), says=r"/etc is not a profile folder: it has no profile"
    ),
    BadInput(
        "predict",
        ("hardware=./mine", "arch=mobilenet_v1"),
        files={"mine/profile.yaml": pipe},
        says=r"mine is not a profile folder: it has no profile.yaml",
    ),
    BadInput(
        "predict",
        ("hardware=./mine", "arch=mobilenet_v1"),
        files={**profile("pixel4", {}), "mine/latency.csv": pipe},
        says=r"mine/latency.csv: is a pipe or device; give a file",
    ),
]

# What is imported


def table(content: Content, says: str) -> BadInput:
    return BadInput("record", ("hardware=x", "import=rows.csv"), files={"rows.csv": content}, says=rf"rows.csv{says}")


def row(arch: str, ms: str = "3") -> str:
    return "arch,ms\n" + '"' + arch.replace('"', '""') + f'",{ms}\n'


TABLES = [
    table("", r":1: the columns must be arch,ms, got ''"),
    table("arch;ms\na;1\n", r":1: the columns must be arch,ms, got 'arch;ms'"),
    table("ms,arch\n1,a\n", r":1: the columns must be arch,ms"),
    table("arch,ms\nmobilenet_v1,3\n", r"|x: adapting a profile needs 5 measured networks"),
    table(row(DEEP), r":2: not CSV: field larger|:2: cannot read|:2: unknown network"),
    table(row('{"resolution": ' + "[" * 1000), r":2: arch: nested deeper|:2: arch: not JSON"),
    table(row(json.dumps(NET).replace('"classes": 2', f'"classes": {LONG}')), r":2: arch: a number of 5000 characters"),
    table(row(f"32x3 sep3-{LONG} fc10"), r":2: cannot read the block 'sep3-999"),
    table(row("mobilenet_v1", "1e-300"), r":2: ms must be above 0, got '1e-300'"),
    table(row("mobilenet_v1", "fast"), r":2: ms must be a number of milliseconds, got 'fast'"),
    table(row("mobilenet_v1", "1,2"), r":2: the row must have 2 cells"),
    table(row("nowhere/net.json"), r":2: nowhere/net.json: cannot be read"),
    table(row("/dev/zero"), r":2: /dev/zero: is a pipe or device"),
    table(row("mobilenet_v1") + "mobilenet_v1_w1.0,4\n", r":3: the network 'mobilenet_v1_w1.0' is given twice"),
    table('arch,ms\n"mobilenet_v1,3\n', r":2: not CSV: unexpected end of data; is there a stray quote"),
    table(b"arch,ms\nM\xf6bile,3\n", r": not UTF-8 text \(byte 10 is 0xf6\)"),
    table(pipe, r": is a pipe or device; give a file"),
    table(Path.mkdir, r": is a folder; give a file"),
    table(zeros(10**8), r": is larger than 32,000,000 bytes"),
]


def results(edit: Callable[[list[Any]], object], says: str) -> BadInput:
    """The import of a recording's rows after `edit`."""

    def make(path: Path) -> None:
        made_up(path, configuration(1, "fp32"), count=4)
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        edit(rows)
        lines = (each if isinstance(each, str) else json.dumps(each) for each in rows)
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    return BadInput("record", ("hardware=x", "import=r.jsonl"), files={"r.jsonl": make}, says=rf"r.jsonl{says}")


RESULTS = [
    results(lambda rows: rows.insert(1, DEEP), r":2: nested deeper than 64 levels"),
    results(lambda rows: rows.insert(1, "{"), r":2: not JSON"),
    results(lambda rows: rows.insert(1, "5"), r":2: not a row of nas.record's results"),
    results(lambda rows: rows.insert(1, '{"type": "burst", "type": "end"}'), r":2: the key 'type' is given twice"),
    results(lambda rows: rows.insert(1, {"type": ["burst"]}), r":2: not a row"),
    results(lambda rows: rows[2].update(ms=None), r":3: ms: input should be a valid list, got None"),
    results(lambda rows: rows[2].update(ms=["a"] * 4), r":3: ms.0: input should be a valid number, got 'a'"),
    results(lambda rows: rows[2].update(ms=[1e300] * 4), r":3: ms.0: input should be less than or equal to"),
    results(lambda rows: rows[2].update(kept="8"), r":3: kept: input should be a valid integer, got '8'"),
    results(lambda rows: rows[2].update(id=5), r":3: id: input should be a valid string, got 5"),
    results(lambda rows: rows[1].update(cores="all"), r":2: cores: input should be a valid list, got 'all'"),
    results(lambda rows: rows[1].update(threads=0), r":2: threads: input should be greater than or equal to 1"),
    results(lambda rows: rows[1].update(logical_cores=10**12), r":2: logical_cores: input should be less than"),
    results(lambda rows: rows[1].update(precision="fp31"), r":2: precision: input should be 'fp32'"),
    results(lambda rows: rows[22].update(model=None), r":23: model: input should be"),
    results(lambda rows: rows[22].update(kernels=[[1, 2, 3]]), r":23: kernels.0.0: input should be a valid string"),
    results(lambda rows: rows[22]["model"].update(notation=f"32x3 sep3-{LONG} fc10"), r":23: cannot read the block"),
    results(lambda rows: rows[0].update(schema=9), r": not a results file of this version of nas.record"),
    results(lambda rows: rows.clear(), r": not a results file of this version of nas.record"),
    BadInput("record", ("hardware=x", "import=r.jsonl"), files={"r.jsonl": pipe}, says=r"r.jsonl: is a pipe or device"),
    BadInput("record", ("hardware=x", "import='~nobody/r.jsonl'"), says=r"/r.jsonl: cannot be read"),
    BadInput("record", ("hardware=x", "import=none.csv"), says=r"none.csv: cannot be read: No such file"),
]

ROWS = [*NETWORKS, *JSON_FILES, *SPACES, *BUDGETS, *PROFILES, *TABLES, *RESULTS]
