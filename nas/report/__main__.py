"""`python -m nas.report RUN`: rebuild front.png and report.html from a run folder's files."""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from nas.commandline import ending
from nas.errors import ConfigError
from nas.reading.plain import one_line


class _Parser(argparse.ArgumentParser):
    """Its complaints are those of the other commands: one line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{one_line(message, 200)}; use {self.prog} RUN, a run folder of nas.search")


def main() -> int:
    """The exit code: 0, or 2 with one line if the folder cannot be read."""
    return ending(_report)


def _report() -> int:
    parser = _Parser(prog="python -m nas.report", description="Rebuild the report of a run folder.")
    parser.add_argument("run", type=Path, help="a run folder of nas.search")
    parser.add_argument("--version", action="version", version=f"sepconv-nas {version('sepconv-nas')}")
    folder: Path = parser.parse_args().run

    from nas.report.figures import save_front_png  # and with it matplotlib, which help and typos need not wait for
    from nas.report.html import write_report
    from nas.results.run_folder import read_front
    from nas.results.trials import read_trials

    front, trials = read_front(folder), read_trials(folder)
    page = write_report(folder)
    save_front_png(front, trials, folder / "front.png")
    print(one_line(str(page)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
