"""The one room that knows Hydra: the command line to frozen dataclasses, errors to exit codes.

What needs Hydra is in `calls` and `composing`, and loads when it is first needed.
"""

from nas.commandline.exits import ending, warn
from nas.commandline.invocation import Invocation
from nas.commandline.settings import parse
from nas.commandline.start import command

__all__ = ["Invocation", "command", "ending", "parse", "warn"]
