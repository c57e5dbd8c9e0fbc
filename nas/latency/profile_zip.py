"""A profile as one file: a zip of its tables, to send on and to use as it is (`hardware=my_device.zip`).

Nothing but MEMBERS is in it, each at the top and of a bounded size. It is never written into: what is read of it lies
in a folder of this process, which goes when the process ends.
"""

import io
import zipfile
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from nas.errors import ProfileError
from nas.reading.words import cut, short
from nas.resources import replace_file

MEMBERS = ("profile.yaml", "networks.csv", "latency.csv", "kernels.csv", "layers.csv", "energy.csv", "validation.json")
NEEDED = MEMBERS[:3]
MOST_BYTES = 8_000_000
"""Of one member; of the zip itself as many for each of MEMBERS."""
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal profiles make equal files

_folders: list[TemporaryDirectory[str]] = []


def pack(folder: Path, file: Path) -> None:
    """Write the profile in `folder` into the zip `file`, which is replaced where there is one.

    Raises:
        ProfileError: the zip cannot be written.
    """
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in MEMBERS:
                if (folder / name).is_file():
                    member = zipfile.ZipInfo(name, _DATE)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    packed.writestr(member, (folder / name).read_bytes())
        replace_file(file, content.getvalue())
    except OSError as error:
        raise ProfileError(f"{cut(str(file), 200)} cannot be written: {error.strerror}") from None


def unpacked(file: Path) -> Path:
    """A folder, named as the zip, that holds the profile of the zip `file`.

    Raises:
        ProfileError: it is no zip, has other members than MEMBERS or lacks NEEDED, or is too large.
    """
    try:
        found = file.stat()
        return _unpacked(file.resolve(), found.st_mtime_ns, found.st_size)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise ProfileError(f"{cut(str(file), 200)}: not a profile's zip: {cut(str(error), 100)}") from None


@lru_cache(maxsize=32)
def _unpacked(file: Path, changed: int, size: int) -> Path:
    """`changed` and `size` only make another zip of the name a new entry."""
    where = cut(str(file), 200)
    if size > MOST_BYTES * len(MEMBERS):
        raise ProfileError(f"{where}: larger than {MOST_BYTES * len(MEMBERS):,} bytes, the most of a profile's zip")
    with zipfile.ZipFile(file) as packed:
        content = {member.filename: _content(where, packed, member) for member in _members(where, packed)}
    if missing := [name for name in NEEDED if name not in content]:
        raise ProfileError(f"{where}: has no {missing[0]}; `python -m nas.record … export=NAME.zip` makes such a file")
    _folders.append(TemporaryDirectory(prefix="sepconv-nas-"))
    folder = Path(_folders[-1].name, file.stem)
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_bytes(text)
    return folder


def _members(where: str, packed: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """All of them, looked at by name alone."""
    members = packed.infolist()
    names = [member.filename for member in members]
    for name in names:
        if name not in MEMBERS:
            raise ProfileError(f"{where}: has {short(name)}; a profile's zip holds only {', '.join(MEMBERS)}")
        if names.count(name) > 1:
            raise ProfileError(f"{where}: has {name} twice")
    return members


def _content(where: str, packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a member holds, whatever size it claims."""
    with packed.open(member) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ProfileError(f"{where}: {member.filename} is larger than {MOST_BYTES:,} bytes")
    return content
