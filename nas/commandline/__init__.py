"""The one room that knows Hydra: the command line to frozen dataclasses, errors to exit codes."""

from nas.commandline.calls import Invocation, command
from nas.commandline.composing import run_folder
from nas.commandline.exits import ending, warn
from nas.commandline.settings import parse

__all__ = ["Invocation", "command", "ending", "parse", "run_folder", "warn"]
