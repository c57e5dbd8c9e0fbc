"""`python -m nas.report RUN`: rebuild front.png and report.html from a run folder's files."""

import argparse
import sys
from pathlib import Path

from nas.errors import NasError
from nas.report.figures import save_front_png
from nas.report.html import write_report
from nas.results.run_folder import read_front
from nas.results.trials import read_trials


def main() -> int:
    """The exit code: 0, or 2 with one line if the folder cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m nas.report", description="Rebuild the report of a run folder.")
    parser.add_argument("run", type=Path, help="a run folder of nas.search")
    folder: Path = parser.parse_args().run
    try:
        save_front_png(read_front(folder), read_trials(folder), folder / "front.png")
        print(write_report(folder))
    except (NasError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
