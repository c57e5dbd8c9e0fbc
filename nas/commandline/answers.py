"""What is answered from the declarations alone: help, completion, and words that no command would take."""

import argparse
import sys

from nas.commandline.composing import is_question, read_arguments, read_overrides
from nas.commandline.declared.checking import check_words
from nas.commandline.declared.completion import script
from nas.commandline.declared.declarations import Sections, declared
from nas.commandline.declared.help import help_text
from nas.commandline.exits import ending


def answered(command: str, sections: Sections, given: argparse.Namespace) -> bool:
    """Print what `given` asks for, if it is answered here; False for what is to be done, or asked of Hydra.

    Raises:
        ConfigError: the command takes no such words.
    """
    if given.help:
        print(help_text(command, sections, given.overrides))
        return True
    if given.shell_completion:
        print(script())
        return True
    if is_question(given):
        return False
    overrides = read_overrides(given.overrides)
    if given.config_dir is None and not any(each.key_or_group == "hydra.searchpath" for each in overrides):
        check_words(sections, overrides)
    return False


def answer_first(command: str) -> None:
    """End this process, before a command imports what takes seconds, if its words need none of that."""
    sections = declared(command)
    if sections is None:
        return
    done: list[bool] = []

    def act() -> int:
        done.append(answered(command, sections, read_arguments(sys.argv[1:])))
        return 0

    code = ending(act)
    if code or done != [False]:
        sys.exit(code)
