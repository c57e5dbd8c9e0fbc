"""Recording elsewhere: over ssh with a real sshd, over adb with a stand-in that runs its commands here."""

import ast
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from tests.helpers.recordings import PLAN, call, check_measured_once, rows_of, wait_for

from nas.errors import ConfigError, NasError
from nas.latency.profile import load_profile
from nas.recording.bundle import write_bundle
from nas.recording.devices import stream_rows as relay
from nas.recording.devices.link import place, reconciled
from nas.recording.devices.reach import Target, device

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
QUICK = ("search_space=tiny", "minutes=0.02")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def record(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`python -m nas.record` in a process group of its own."""
    line = [sys.executable, "-m", "nas.record", *QUICK, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=folder, text=True, start_new_session=True, stdout=pipe, stderr=pipe)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate()
    return process.returncode, output, errors


def check_profile(folder: Path, name: str, code: int, errors: str) -> None:
    if code == 2:  # so busy a machine that too little settled
        assert "networks to fit and" in errors
        return
    assert (code, errors) == (0, "")
    assert len(load_profile(folder / "hardware_profiles" / name).measurements) >= 4


def bundle(folder: Path) -> Path:
    """The bundle of three models."""
    write_bundle(folder, {**PLAN, "chunks": [PLAN["chunks"][0][:3]]})
    return folder


# Settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("device=ssh",), "device=ssh needs host=…, such as host=pi@10.0.0.7"),
        (("device=ssh", "host=-oProxy"), "host must not be empty or begin with -, got '-oProxy'"),
        (("device=ssh", "host=pi", "serial=XYZ"), "serial goes with device=adb, not with device=ssh"),
        (("host=pi",), "host goes with device=ssh, not with device=host"),
        (("device=bundle", "remote=x"), "remote goes with device=ssh or device=adb, not with device=bundle"),
        (("device=ssh", "host=pi", "port=0"), "port must be 1 to 65535, got 0"),
        (("device=ssh", "host=pi", "identity=/no/key"), "identity: there is no file /no/key"),
        (("device=adb", "perf_test=nix"), "perf_test: there is no file nix"),
        (("device=adb", "perf_test=nix", "python=p"), "python and perf_test do not go together"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "hardware=x", *QUICK, *arguments) == 2
    found = capsys.readouterr().err
    assert found.startswith(f"error: {message}")
    assert found.count("\n") == 1
    assert os.listdir(here) == []


def test_a_kind_that_measures_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing is measured with device=bundle"):
        device(Target("bundle"), "x")


def test_the_longer_results_hold_if_they_go_on_from_the_shorter() -> None:
    assert reconciled(b"a\nb\n", b"a\nb\nc\nto", "x") == b"a\nb\nc\n"
    assert reconciled(b"a\nb\n", b"", "x") == b"a\nb\n"
    with pytest.raises(NasError, match=r"results\.jsonl in x has other rows than the one here; move one of them away"):
        reconciled(b"a\nb\n", b"a\nc\nd\n", "x")


def test_paths_there_are_quoted() -> None:
    for text, meant in (("it's; rm x", "it's; rm x"), ("/$(x)", "/$(x)"), ("~/a b", "HOME/a b"), ("a/b", "HOME/a/b")):
        done = subprocess.run(["sh", "-c", f"printf %s {place(text)}"], capture_output=True, text=True, check=True)
        assert done.stdout == meant.replace("HOME", os.environ["HOME"])


# ssh


class Server:
    """An sshd of this user on a free port of this machine, and a client that keeps away from ~/.ssh."""

    def __init__(self, folder: Path) -> None:
        self.key, self.known = folder / "key", folder / "known_hosts"
        for name in ("key", "host_key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {folder}/key.pub\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        (folder / "ssh_config").write_text(f"UserKnownHostsFile {self.known}\nGlobalKnownHostsFile none\n")
        script(folder / "bin" / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"
        kind, key, _ = (folder / "host_key.pub").read_text().split()
        self.known.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        self.log = (folder / "log").open("w")
        line = [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")]
        self.process = subprocess.Popen(line, stderr=self.log)

    def answers(self) -> bool:
        assert self.process.poll() is None, Path(self.log.name).read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def setting(self, **changed: str) -> list[str]:
        settings = {"device": "ssh", "host": "127.0.0.1", "port": str(self.port), "identity": str(self.key)}
        settings |= {"python": sys.executable} | changed
        return [f"{key}={value}" for key, value in settings.items()]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server and client here (Debian: apt install openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it of root, and packages leave it to the system's start
    server = Server(tmp_path_factory.mktemp("sshd"))
    wait_for(server.answers)
    yield server
    server.process.terminate()
    server.process.wait()
    server.log.close()


@pytest.fixture
def server(sshd: Server, here: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PATH", sshd.path)
    return sshd


def test_over_ssh_a_stop_and_a_lost_connection_lose_and_repeat_nothing(server: Server, here: Path) -> None:
    there, results = here / "the pi", here / "runs" / "record-pi" / "results.jsonl"
    arguments = ["hardware=pi", *server.setting(remote=f"'{there}'")]

    process = record(here, *arguments)
    wait_for(lambda: len(rows_of(results)) > 5)
    os.killpg(process.pid, signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert "Traceback" not in errors
    with (there / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nothing runs there any more
    stopped = rows_of(results)
    assert stopped == rows_of(there / "results.jsonl")
    models = {path: path.stat().st_mtime_ns for path in there.rglob("*.onnx")}
    assert len(models) > 10
    scripts = list(there.rglob("*.py"))
    assert {"runner.py", "relay.py", "progress.py"} < {path.name for path in scripts}

    process = record(here, *arguments)
    wait_for(lambda: len(rows_of(results)) > len(stopped) + 5)
    for session in children(server.process.pid):
        os.kill(session, signal.SIGKILL)
    code, output, errors = finish(process)
    assert code == 2
    assert "error: 127.0.0.1: " in errors
    assert "what was measured is kept, and the same command goes on from there" in errors
    assert errors.count("\n") == 1
    assert f"sending {len(scripts) + 1} files" in output  # the plan and the scripts; no model again
    dropped = rows_of(results)
    assert dropped[: len(stopped)] == stopped

    code, output, errors = finish(record(here, *arguments))
    rows = rows_of(results)
    assert rows[: len(dropped)] == dropped
    assert rows == rows_of(there / "results.jsonl")
    assert models == {path: path.stat().st_mtime_ns for path in there.rglob("*.onnx")}
    check_measured_once([json.loads(row) for row in rows])
    check_profile(here, "pi", code, errors)


def test_rows_that_only_this_side_has_are_sent(server: Server, here: Path) -> None:
    folder, there = bundle(here / "bundle"), here / "there"
    reach = {"host": "127.0.0.1", "port": server.port, "identity": str(server.key), "python": sys.executable}
    measure = device(Target("ssh", remote=str(there), **reach), "x")
    measure(folder, lambda line: None)
    rows = rows_of(folder / "results.jsonl")
    check_measured_once([json.loads(row) for row in rows])
    shutil.rmtree(there)
    measure(folder, lambda line: None)
    assert rows_of(folder / "results.jsonl") == rows_of(there / "results.jsonl") == rows
    (there / "results.jsonl").write_bytes(rows[0] + b"\n" + rows[-1] + b"\n")
    with pytest.raises(NasError, match=r"results\.jsonl in .*there on 127\.0\.0\.1 has other rows than the one here"):
        measure(folder, lambda line: None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("port", "1"), r"127\.0\.0\.1: ssh: connect to host 127\.0\.0\.1 port 1: Connection refused"),
        (
            ("identity", "other"),
            r"127\.0\.0\.1: it refused the key; give identity=…, or put the key there: ssh",
        ),
        (
            ("host", "localhost"),
            r"localhost: its host key is not known yet; connect once by hand and accept it: ssh",
        ),
        (("python", "/no/python3"), r"127\.0\.0\.1 lacks Python: no /no/python3; install there with `python -m pip"),
        (
            ("python", "bare"),
            r"127\.0\.0\.1 lacks a package: No module named 'numpy'; install there with `python",
        ),
        (("remote", "/proc/x"), r"127\.0\.0\.1: mkdir: cannot create directory .*/proc/x"),
    ],
)
def test_what_is_wrong_with_a_connection_is_one_line(
    changed: tuple[str, str],
    message: str,
    server: Server,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, value = changed
    special = {
        "other": str(server.key.with_name("other_key")),
        "bare": str(script(here / "bare" / "python3", f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')),
    }
    arguments = server.setting(**{"remote": str(here / "there"), key: special.get(value, value)})
    assert call(monkeypatch, "hardware=pi", *QUICK, *arguments) == 2
    found = capsys.readouterr().err
    assert found.count("\n") == 1
    assert re.match(f"error: {message}", found), found


def test_no_ssh_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PATH", str(here))
    assert call(monkeypatch, "hardware=pi", *QUICK, "device=ssh", "host=pi") == 2
    assert "error: ssh was not found here; install it" in capsys.readouterr().err


# adb

ADB = """\
#!/bin/sh
# a phone whose /data is a folder here
moved() { printf %s "$1" | sed "s#/data/#$PHONE/data/#g"; }
[ "$1" = -s ] && { [ "$2" = XYZ ] || { echo "adb: device '$2' not found" >&2; exit 1; }; shift 2; }
verb=$1; shift
case $verb in
push) cp "$1" "$(moved "$2")" ;;
shell) cd "$PHONE" && exec sh -c "$(moved "$*")" ;;
esac
"""
RUN_AS = """\
#!/bin/sh
[ -d "$PHONE/data/data/$1" ] || { echo "run-as: unknown package: $1" >&2; exit 1; }
[ -e "$PHONE/release" ] && { echo "run-as: package not debuggable: $1" >&2; exit 1; }
cd "$PHONE/data/data/$1"; shift; exec "$@"
"""
PERF_TEST = """\
#!/bin/sh
# onnxruntime_perf_test in what matters here: each of -r runs takes as many ms as the model has kilobytes
echo "$*" >> calls.txt
while [ $# -gt 2 ]; do
    case $1 in -r) runs=$2 ;; -p) profile=$2 ;; esac
    shift
done
[ -f "$1" ] || { echo "Load model from $1 failed"; exit 255; }
bytes=$(wc -c < "$1")
events='{"cat":"Session","name":"run","dur":1}' number=0
while [ $number -lt $runs ]; do
    echo "fp32,$(printf '%d.%06d' $((bytes / 1000000)) $((bytes % 1000000))),1,1,$number" >> "$2"
    events="$events,{\\"cat\\":\\"Node\\",\\"name\\":\\"000.conv_kernel_time\\",\\"dur\\":$bytes,\\"args\\":{\\"op_name\\":\\"Conv\\"}}"
    number=$((number + 1))
done
[ -z "$profile" ] || echo "[$events]" > "${profile}_2026.json"
"""


@pytest.fixture
def phone(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for adb on the PATH, and the root folder of its phone, which has Termux."""
    monkeypatch.setenv("PHONE", str(here / "phone"))
    monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
    script(here / "bin" / "adb", ADB)
    script(here / "bin" / "run-as", RUN_AS)
    script(here / "bin" / "getprop", "#!/bin/sh\n[ $1 = ro.soc.model ] && echo Tensor || echo\n")
    termux = here / "phone" / "data" / "data" / "com.termux" / "files"
    script(termux / "usr" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for folder in (termux / "home", termux / "usr" / "tmp", here / "phone" / "data" / "local" / "tmp"):
        folder.mkdir(parents=True)
    return here / "phone"


def test_over_adb_termux_measures(phone: Path, here: Path) -> None:
    folder = bundle(here / "bundle")
    lines: list[str] = []
    measure = device(Target("adb", serial="XYZ"), "pixel")
    measure(folder, lines.append)
    home = phone / "data" / "data" / "com.termux" / "files" / "home"
    rows = rows_of(folder / "results.jsonl")
    assert rows == rows_of(home / "nas-record" / "pixel" / "results.jsonl")
    check_measured_once([json.loads(row) for row in rows])
    assert lines[-1].startswith("1t_fp32: ")
    assert list((phone / "data" / "local" / "tmp").iterdir()) == []
    measure(folder, lines.append)
    assert rows_of(folder / "results.jsonl") == rows


def test_what_an_unnoticed_loss_left_running_is_stopped_first(phone: Path, here: Path) -> None:
    there = here / "there"
    there.mkdir()
    code = "import fcntl, os, time; f = open('.lock', 'w'); fcntl.flock(f, 2); f.write(str(os.getpid())); f.flush(); "
    line = [sys.executable, "-c", code + "print(flush=True); time.sleep(600)"]
    with subprocess.Popen(line, cwd=there, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        measure = device(Target("adb", python=sys.executable, remote=str(there)), "x")
        measure(bundle(here / "bundle"), lambda text: None)
        assert left.wait() == -signal.SIGTERM
    check_measured_once([json.loads(row) for row in rows_of(here / "bundle" / "results.jsonl")])


def test_the_relay_needs_nothing_and_is_python_39() -> None:
    tree = ast.parse(Path(relay.__file__).read_text(), feature_version=(3, 9))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in found} <= sys.stdlib_module_names


def test_over_adb_a_perf_test_measures(phone: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    binary = script(here / "build" / "onnxruntime_perf_test", PERF_TEST)
    (here / "build" / "libonnxruntime.so").write_bytes(b"library")
    arguments = ("hardware=pixel", *QUICK, "device=adb", f"perf_test={binary}", "threads=2", "cores=[4,6]")
    script(here / "bin" / "taskset", '#!/bin/sh\nexport MASK=$1; shift; exec "$@"\n')
    assert call(monkeypatch, *arguments) == 0, capsys.readouterr().err
    there = phone / "data" / "local" / "tmp" / "nas-record" / "pixel"
    assert (there / "libonnxruntime.so").read_bytes() == b"library"
    calls = (there / "calls.txt").read_text().splitlines()
    begins = r"-e cpu -I -S 1 -m times -r \d+ -x 2 -y 1 -o 99 (-p profile )?models/fp32/\w+\.onnx times\.csv"
    assert all(re.fullmatch(begins, line) for line in calls), calls[0]
    profile = load_profile(here / "hardware_profiles" / "pixel")
    assert (profile.configuration, profile.threads, profile.cores) == ("2t_fp32_cores4-6", 2, "4, 6")
    for row in profile.measurements:
        size = (there / "models" / "fp32" / f"{row.name}.onnx").stat().st_size
        assert row.ms == pytest.approx(size / 1e3, rel=1e-3)
        assert row.layers_ms[0] == pytest.approx(size / 1e3, rel=1e-3)
    facts = yaml.safe_load((here / "hardware_profiles" / "pixel" / "profile.yaml").read_text())
    assert facts["soc"] == "Tensor"
    assert facts["runtime_version"].startswith("onnxruntime_perf_test ")
    check_measured_once([json.loads(row) for row in rows_of(here / "runs" / "record-pixel" / "results.jsonl")])
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys.modules["nas.recording.bundle"], "graph_bytes", None)  # no graph is to be written
    assert call(monkeypatch, *arguments) == 0
    assert (there / "calls.txt").read_text().splitlines() == calls


def test_a_perf_test_that_fails_is_one_line(phone: Path, here: Path) -> None:
    binary = script(here / "build" / "perf", "#!/bin/sh\necho 'Load model failed'; exit 255\n")
    with pytest.raises(NasError, match="XYZ: Load model failed"):
        device(Target("adb", serial="XYZ", perf_test=str(binary)), "x")(bundle(here / "bundle"), print)
    assert [row["type"] for row in map(json.loads, rows_of(here / "bundle" / "results.jsonl"))] == ["plan", "begin"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("serial", "nix: `adb devices` must list it as `device`: connect it, allow USB debugging"),
        ("release", "XYZ: adb may enter Termux only if that is a debug build"),
        ("termux", "XYZ: it has no Termux; install that, or give python=… or perf_test=…"),
        ("python", "XYZ lacks Python: no .*/usr/bin/python; install there with `pkg install python-numpy python-onnxr"),
        ("adb", "adb was not found here; install it, and have it on the PATH"),
    ],
)
def test_what_is_wrong_with_a_phone_is_one_line(
    case: str, message: str, phone: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = phone / "data" / "data" / "com.termux"
    {
        "serial": lambda: None,
        "release": (phone / "release").touch,
        "termux": lambda: shutil.rmtree(package),
        "python": (package / "files" / "usr" / "bin" / "python").unlink,
        "adb": (here / "bin" / "adb").unlink,
    }[case]()
    if case == "adb":
        monkeypatch.setenv("PATH", str(here / "bin"))
    with pytest.raises(NasError) as caught:
        device(Target("adb", serial="nix" if case == "serial" else "XYZ"), "x")(bundle(here / "bundle"), print)
    assert re.match(message, str(caught.value)), str(caught.value)
