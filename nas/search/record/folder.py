"""The run folder: made, and taken by one process; one that a refused command made is gone again."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from nas.errors import NasError, RunError
from nas.reading.words import cut
from nas.resources import refuse_links
from nas.search.record.study import lock

_OF_OTHERS = ("wandb", "mlflow", "tensorboard")
"""Sub-folders that a library writes, with links of its own."""
_WRITTEN = ("images", "weights", "models")
"""Sub-folders of files and folders that are written under a name with a dot before, and take their place when whole."""


@contextmanager
def taken(folder: Path) -> Iterator[FileLock]:
    """The run folder for this process, until the lock is released; a NasError meanwhile removes what this one made.

    Raises:
        RunError: it cannot be written, another process works in it, or it holds a symbolic link.
    """
    made = _make(folder)
    try:
        refuse_links(folder, RunError, besides=_OF_OTHERS)
        held = lock(folder)
    except RunError:
        _remove(made)
        raise
    _sweep(folder)
    try:
        yield held
    except NasError:
        if folder in made:  # and nobody else has been in it, for it is locked
            shutil.rmtree(folder, ignore_errors=True)
        held.release()
        _remove(made)
        raise
    except BaseException:
        held.release()
        raise


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed had not written to its end, beside which it would have been put."""
    for place in (folder, *(folder / name for name in _WRITTEN)):
        for part in place.glob(".*.part"):
            part.unlink(missing_ok=True)
        for unfinished in place.glob(".*-*/"):
            shutil.rmtree(unfinished, ignore_errors=True)


def _make(folder: Path) -> list[Path]:
    """Make `folder`, and say which folders this process made for it, innermost first."""
    made: list[Path] = []
    for path in (*reversed(folder.parents), folder):
        try:
            path.mkdir()
            made.insert(0, path)
        except OSError as error:
            if os.path.isdir(path):
                continue
            _remove(made)
            raise RunError(
                f"cannot write the run folder: {error.strerror}: {cut(str(folder), 200)}; choose hydra.run.dir=…"
            ) from None
    return made


def _remove(made: Sequence[Path]) -> None:
    """Remove those of the folders that are empty."""
    for path in made:
        with suppress(OSError):
            path.rmdir()
