"""`python -m nas.train run=RUN member=2`: the full training of a network, and its files."""

from nas.commandline.answers import answer_first

if __name__ == "__main__":
    answer_first("train")  # what follows takes seconds to import

import shutil
from contextlib import ExitStack

from nas.commandline import Invocation, command, warn
from nas.reading.plain import one_line
from nas.report.card import write_cards
from nas.report.html import write_report
from nas.report.terminal import finished_lines
from nas.results.finished import FOLDER
from nas.results.run_folder import read_front
from nas.search.finish.finish import ask, finish, put_into_run
from nas.search.finish.settings import TrainSettings
from nas.search.finish.subject import subject_of
from nas.search.record.folder import taken
from nas.training.full import is_first_process


def main(settings: TrainSettings, invocation: Invocation) -> None:
    """Train what the settings ask for, begun or resumed."""
    subject, first = subject_of(settings, invocation.folder), is_first_process()
    with ExitStack() as stack:
        if first:
            stack.callback(stack.enter_context(taken(subject.folder)).release)
            if subject.front is None:
                invocation.write_files()
        for asked in ask(settings, subject, warn):
            found = finish(asked, subject, invocation.line, say)
            if found is None or not first:
                continue
            if subject.front is not None:
                put_into_run(subject)
            for line in finished_lines(asked.name, found, subject.folder, subject.about(asked.arch)):
                say(line)
        if first:
            shutil.rmtree(subject.folder / FOLDER / "weights", ignore_errors=True)
            if subject.front is not None:
                write_cards(subject.folder, read_front(subject.folder))
                say(f"report: {write_report(subject.folder)}")


def say(line: str) -> None:
    """One line on stdout, at once."""
    print(one_line(line), flush=True)


if __name__ == "__main__":
    command("train", TrainSettings, main)
