"""Every error a user can cause, in one file. The commands print one line and exit with its code, 2 but for one.

NasError
├── ConfigError          a setting of a command: an unknown key, a wrong type, a bad combination
├── ArchitectureError    a network that cannot exist, or an unreadable description of one
├── SpaceError           a search-space file
├── ProfileError         a hardware profile, or a layer it holds no measurements for
├── BudgetError          a budget that cannot be read, or that no network can meet
├── DataError            a data set that is missing, empty or inconsistent
├── RunError             a run folder that cannot be used
└── RunFailed            a run that came to no result; exit code 1
"""

from typing import ClassVar


class NasError(Exception):
    """Base of all errors a user can cause: the message is one line saying what, the value, the fix."""

    code: ClassVar[int] = 2
    """Of the command that it ends."""


class ConfigError(NasError):
    """A setting of a command is unknown, has the wrong type, or does not go with another."""


class ArchitectureError(NasError):
    """A network that cannot exist, or an unreadable description of one."""


class SpaceError(NasError):
    """A search-space file is missing or wrong, or a network does not belong to the space."""


class ProfileError(NasError):
    """A hardware profile is missing or wrong, or holds no measurement for a layer."""


class BudgetError(NasError):
    """A budget cannot be read, or no network of the space meets it."""


class DataError(NasError):
    """A data set is missing, empty or inconsistent."""


class RunError(NasError):
    """A run folder cannot be written, is in use, or belongs to another search."""


class RunFailed(NasError):
    """A run came to no result, for a reason that need not lie in its input; what it recorded is kept."""

    code = 1
