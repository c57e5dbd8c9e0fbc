"""What `arch=` may be in a command: all that `load_architecture` takes, and the members of a run.

    RUN#2  RUN#6899ae1e98a7c700  RUN/front.json#2  or RUN with member=2

RUN is the folder of a finished search. A member is a number in the order of the front, `m2` as the report calls it, or
the key of any confirmed network; of the key its beginning will do. Further forms of one network belong into
`load_architecture`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.errors import ArchitectureError
from nas.reading.words import cut, listed, short
from nas.results.front import Front
from nas.results.member import Member
from nas.results.run_folder import read_front
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture

FILE = "front.json"
ALL = "all"
"""Every member of the front, where several may be meant."""
_LEAST = 4  # characters of a key


def find_architecture(arch: str, member: int | str | None = None) -> Architecture:
    """The network that `arch` names, of a run its `member`.

    Raises:
        ArchitectureError: no such network or member, or the file or line cannot be read.
        RunError: the front.json of a run cannot be read.
    """
    before, mark, after = arch.rpartition("#")
    if mark and not os.path.exists(os.path.expanduser(arch)) and (folder := run_of(before)):
        if member is not None:
            raise ArchitectureError(f"{short(arch)} says its member already; leave member={short(member)} out")
        return find_member(read_front(folder), after, cut(before, 200)).architecture
    if folder := run_of(arch):
        return find_member(read_front(folder), member, cut(arch, 200)).architecture
    if member is not None:
        raise ArchitectureError(
            f"member={short(member)} goes with the folder of a run or its {FILE}, not with {short(arch)}"
        )
    return load_architecture(arch)


def run_of(text: str) -> Path | None:
    """The run folder that `text` names, itself or by its front.json; None if it is none."""
    path = Path(os.path.expanduser(text))
    folder = path.parent if path.name == FILE else path
    return folder if text and os.path.isfile(folder / FILE) else None


def find_member(front: Front, member: int | str | None, where: str) -> Member:
    """The member of the run `where`, by its number from 1, as `2` or `m2`, or its key.

    Raises:
        ArchitectureError: there is none such, or several.
    """
    offered = f"{where} has {_numbers(front.front)}, and keys such as {listed(m.key for m in front.confirmed[:1])}"
    if member is None:
        raise ArchitectureError(f"{offered}; say which, as {where}#1 or member=1")
    text = str(member).removeprefix("m")
    if text.isascii() and text.isdigit() and len(text) < _LEAST:
        if not 1 <= int(text) <= len(front.front):
            raise ArchitectureError(f"there is no member {text}: {offered}")
        return front.front[int(text) - 1]
    found = [each for each in front.confirmed if len(text) >= _LEAST and each.key.startswith(text)]
    if len(found) != 1:
        many = f"{len(found)} members begin" if found else "no member begins"
        raise ArchitectureError(f"{many} with {short(text)}: {offered}")
    return found[0]


def _numbers(members: Sequence[Member]) -> str:
    return f"members 1 to {len(members)}" if members else "no member on its front"
