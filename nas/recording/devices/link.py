"""Measuring on another machine, by shell commands: what ssh and adb share.

A link runs shell commands there and unpacks archives there. The device keeps its own results.jsonl; its rows come
here as they are finished, and when a connection was lost, with the next one. The runner stops with the connection.
Needed there: a POSIX shell, tar, find and wc.
"""

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import IO

from nas.errors import NasError
from nas.reading.words import cut
from nas.recording.bundle import SCRIPTS, open_results
from nas.recording.devices.base import Report
from nas.recording.rows import read_plan
from nas.resources import replace_file

_CHECK = """\
import os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
if sys.version_info < (3, 9): sys.exit("LACKS Python 3.9 or newer, it has " + sys.version.split()[0])
try: import fcntl, numpy, onnxruntime
except ImportError as error: sys.exit("LACKS a package: " + str(error))"""
_SIZE = re.compile(r"^ *([0-9]+) \./(.*)$", re.MULTILINE)  # a file whose name has another form is none of ours
_GOES_ON = "what was measured is kept, and the same command goes on from there"


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach a device.

    `command` takes a line of shell as its last argument; `prefix` and `setting` come before that line. `advice`
    says what to do about messages of the command that contain a key. Archives go through stdin, or, where `push` is
    given, are copied by that command to `drop` first.
    """

    name: str
    command: tuple[str, ...]
    advice: Mapping[str, str]
    install: str = "python -m pip install numpy onnxruntime"
    prefix: str = ""
    setting: str = ""
    push: tuple[str, ...] = ()
    drop: str = ""

    def line(self, text: str, before: str = "") -> list[str]:
        """The command line that runs `text` in a shell there; `before` is outside of `prefix`."""
        return [*self.command, f"{before}{self.prefix}sh -c {quote(self.setting + text)}"]

    def ask(self, text: str, stdin: IO[bytes] | None = None, before: str = "") -> bytes:
        """The output of a shell's command there.

        Raises:
            NasError: it failed, or there is no connection.
        """
        return self._run(self.line(text, before), stdin)

    def send(self, folder: str, files: Mapping[str, Path]) -> None:
        """Write `files`, by their names in `folder`, there."""
        unpack = f"mkdir -p {place(folder)} && tar -x -f - -C {place(folder)}"
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for name, path in files.items():
                    tar.add(path, name, filter=_anonymous)
            archive.flush()
            if self.push:
                self._run([*self.push, archive.name, self.drop], None)
                self.ask(unpack, before=f"cat {quote(self.drop)} | ")
                self._run([*self.command, f"rm {quote(self.drop)}"], None)
            else:
                archive.seek(0)
                self.ask(unpack, archive.file)

    def problem(self, code: int, errors: str) -> NasError:
        """The error to raise when a command ended with `code` and these messages."""
        for key, advice in self.advice.items():
            if key in errors:
                return NasError(f"{self.name}: {advice}")
        return NasError(f"{self.name}: {cut(_last(errors), 300) or f'{self.command[0]} ended with code {code}'}")

    def _run(self, line: list[str], stdin: IO[bytes] | None) -> bytes:
        try:
            done = subprocess.run(line, stdin=stdin or subprocess.DEVNULL, capture_output=True)
        except FileNotFoundError:
            raise NasError(f"{line[0]} was not found here; install it, and have it on the PATH") from None
        if done.returncode:
            raise self.problem(done.returncode, done.stderr.decode(errors="replace"))
        return done.stdout


def measure_there(link: Link, python: str, remote: str, folder: Path, report: Report) -> None:
    """Measure the bundle of `folder` in the folder `remote` of the device, with its `python`.

    Raises:
        NasError: the device cannot be reached or lacks something, the measuring failed, or the connection was lost.
    """
    results = folder / "results.jsonl"
    open_results(folder, read_plan(folder))
    here, there = results.read_bytes(), _results_there(link, python, remote)
    both = reconciled(here, there, f"{remote} on {link.name}")
    if both != here:
        replace_file(results, both)
    scripts = [folder / "runner.py", *sorted((folder / SCRIPTS).glob("*.py"))]
    changing = {path.relative_to(folder).as_posix(): path for path in (folder / "plan.json", *scripts)}
    changing["stream_rows.py"] = Path(__file__).with_name("stream_rows.py")
    if not there.startswith(both):
        changing["results.jsonl"] = results
    send(link, remote, models(folder), changing, report)
    line = link.line(f"cd {place(remote)} && exec {place(python)} stream_rows.py {len(both)}")
    with results.open("ab", buffering=0) as rows:
        code, last, errors = _follow(line, rows, report)
    if code == 130:
        raise NasError(f"{link.name}: the measuring was stopped there; {_GOES_ON}")
    if last.startswith("error: "):
        raise NasError(f"{link.name}: measuring failed: {cut(last.removeprefix('error: '), 300)}")
    if code:
        raise NasError(f"{link.problem(code, errors)}; {_GOES_ON}")


def models(folder: Path) -> dict[str, Path]:
    """The models of a bundle, by their names in it."""
    return {path.relative_to(folder).as_posix(): path for path in sorted((folder / "models").rglob("*.onnx"))}


def send(link: Link, remote: str, lasting: Mapping[str, Path], changing: Mapping[str, Path], report: Report) -> None:
    """Send all of `changing`, and of `lasting` what the device lacks or has in another size."""
    listed = link.ask(f"mkdir -p {place(remote)} && cd {place(remote)} && find . -type f -exec wc -c {{}} +")
    sizes = {name: int(size) for size, name in _SIZE.findall(listed.decode(errors="replace"))}
    lacking = {name: path for name, path in lasting.items() if sizes.get(name) != path.stat().st_size}
    if files := {**lacking, **changing}:
        report(f"sending {len(files)} files, {sum(path.stat().st_size for path in files.values()) / 1e6:.1f} MB")
        link.send(remote, files)


def reconciled(here: bytes, there: bytes, where: str) -> bytes:
    """The longer of two results files, of which one must go on from the other; a last line cut short does not count.

    Raises:
        NasError: they differ before the end of the shorter one.
    """
    short, long = sorted((content[: content.rfind(b"\n") + 1] for content in (here, there)), key=len)
    if not long.startswith(short):
        raise NasError(f"results.jsonl in {where} has other rows than the one here; move one of them away")
    return long


def place(path: str) -> str:
    """A path there, quoted for a shell; one with folders, but not from the root, begins at the home."""
    return quote(path) if path.startswith("/") or "/" not in path else f'"$HOME"/{quote(path.removeprefix("~/"))}'


def _results_there(link: Link, python: str, remote: str) -> bytes:
    """The device's results.jsonl, empty if there is none yet; what runner.py needs is looked for first."""
    found = f"command -v {place(python)} >/dev/null || {{ echo LACKS Python: no {quote(python)} >&2; exit 3; }}"
    results = f"mkdir -p {place(remote)} && cd {place(remote)} && touch results.jsonl && cat results.jsonl"
    try:
        return link.ask(f"{found}; {place(python)} -c {quote(_CHECK)} && {results}")
    except NasError as error:
        _, lacks, what = str(error).partition("LACKS ")
        if not lacks:
            raise
        advice = f"install there with `{link.install}`, or choose another Python with python=…"
        raise NasError(f"{link.name} lacks {what}; {advice}") from None


def _follow(line: list[str], rows: IO[bytes], report: Report) -> tuple[int, str, str]:
    """Run stream_rows.py there, its rows go to `rows`; its exit code, its last other line, the connection's messages.

    The process is out of the terminal's reach, so that Ctrl-C ends it by way of its stdin, and its last rows come.
    """
    last = ""
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=errors, start_new_session=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for text in process.stdout:
                last = _take(text, rows, report) or last
        except BaseException:
            process.stdin.close()
            for text in process.stdout:
                _take(text, rows, report)
            raise
        code = process.wait()
        errors.seek(0)
        return code, last, errors.read().decode(errors="replace")


def _take(text: bytes, rows: IO[bytes], report: Report) -> str:
    """Keep a row, or report another line and return it."""
    if text.startswith(b"{"):
        if text.endswith(b"\n"):  # else the connection was lost within it
            rows.write(text)
        return ""
    found = text.decode(errors="replace").strip()
    report(found)
    return found


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
