"""Fuzzing of every parser of what a user writes: each input is read, or refused by a NasError of one short line.

    python -m pip install atheris==3.0.0
    python -m benchmarks.fuzz --runs 100000                # every target, one after the other, and a table
    python -m benchmarks.fuzz notation space --runs 5000

Each target runs in a process of its own, of at most 2 GB and 5 seconds an input; what breaks it is kept in ./fuzzing/.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import atheris

INSIDE = "--inside"
"""Of the process that fuzzes one target: the parsers are instrumented there, as they are imported."""

with atheris.instrument_imports(include=["nas"]) if INSIDE in sys.argv else nullcontext():
    from benchmarks.fuzz_targets import TARGETS
    from nas.errors import NasError

LONGEST = 490
"""Characters of a message; the command puts `error: ` before it."""


def main() -> None:
    """Fuzz the targets that the command line names, and print what came of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; none: all")
    parser.add_argument("--runs", type=int, default=100_000, help="executions of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=5, help="seconds of an input; more on a machine that is busy")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    if given.inside:
        _fuzz(given.targets[0], given.runs, given.seed, given.timeout)
        return
    print("| parser | executions | seconds | finding |\n|---|---|---|---|", flush=True)
    found = [_run(name, given.runs, given.seed, given.timeout) for name in given.targets or TARGETS]
    sys.exit(any(found))


def _run(name: str, runs: int, seed: int, timeout: int) -> bool:
    """Fuzz one target in a process of its own, and print its line of the table; whether something was found."""
    Path("fuzzing").mkdir(exist_ok=True)
    begun = time.monotonic()
    line = [sys.executable, "-m", "benchmarks.fuzz", name, INSIDE, f"--runs={runs}", f"--seed={seed}"]
    line.append(f"--timeout={timeout}")
    log = Path("fuzzing", f"{name}.log")
    with log.open("wb") as output:
        code = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT).returncode
    text = log.read_text(encoding="utf-8", errors="replace")
    done = next((line.split()[1] for line in reversed(text.splitlines()) if line.startswith("Done ")), "unfinished")
    finding = "none" if code == 0 else f"see {log}"
    print(f"| {name} | {done} | {time.monotonic() - begun:.0f} | {finding} |", flush=True)
    return code != 0


def _fuzz(name: str, runs: int, seed: int, timeout: int) -> None:
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        call = target(Path(folder))
        for number, example in enumerate([*call.seeds, *(bytes([0, n, n]) for n in range(0, 256, 5))]):
            (corpus / f"{number:03}").write_bytes(example)
        options = [f"-runs={runs}", f"-seed={seed}", f"-timeout={timeout}", "-rss_limit_mb=2048", "-max_len=20000"]
        atheris.Setup(["fuzz", *options, f"-artifact_prefix=fuzzing/{name}-", str(corpus)], _guarded(call.read))
        try:
            atheris.Fuzz()  # it ends the process
        finally:
            shutil.rmtree(corpus, ignore_errors=True)


def _guarded(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """`read`, of which a NasError of one short line is an answer, and anything else a finding."""

    def guarded(data: bytes) -> None:
        try:
            read(data)
        except NasError as error:
            message = str(error)
            if "\n" in message or len(message) > LONGEST:
                raise AssertionError(f"a message of {len(message)} characters: {message[:2000]}") from None

    return guarded


if __name__ == "__main__":
    main()
