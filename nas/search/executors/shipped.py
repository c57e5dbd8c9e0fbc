"""Calls that travel with their files, to workers that share no disk with this process.

Every absolute path in a call stands for this process's file or folder. What is there is handed over once for each
content, and unpacked once on each machine, in its folder of temporary files; a worker sees it in a mirror of its own.
What the call leaves there, new, changed or gone, comes back with its result. Pretrained weights travel too, so that
workers need neither their packages nor a network.
"""

import hashlib
import io
import os
import pickle
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from nas.nets.pretrained import load, provide
from nas.nets.start import FromWeights
from nas.resources import replace_file, replacing
from nas.search.executors.worker_process import through_pickle

KEPT_S = 7 * 86_400
"""What no worker of a machine has used for a week is removed there."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A pickled `call`, its `paths`, and what lies there: `folders`, and `files` with the digest and handle of each.

    Handles, those of the pretrained `weights` too, are what whoever packs has put away. `version` is this project's.
    """

    call: bytes
    paths: frozenset[Path]
    folders: frozenset[Path]
    files: Mapping[Path, tuple[str, Any]]
    weights: Mapping[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A pickled `result`, or the `error` that was raised; and what has become of files, None where one is gone."""

    result: bytes | None
    error: bytes | None
    files: Mapping[Path, bytes | None]


class Shipping:
    """Packs calls; `put` makes anything available to workers and gives its handle."""

    def __init__(self, put: Callable[[Any], Any]) -> None:
        self._put = put
        self._stamped: dict[tuple[Path, int, int], str] = {}
        self._handles: dict[str, Any] = {}

    def pack(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Parcel:
        """The call of `function`, all of which must pickle, with what is there now."""
        content = io.BytesIO()
        pickler = _Pickler(content)
        pickler.dump((function, args))
        folders = {path for path in pickler.paths if path.is_dir()}
        files = {}
        for file in sorted({file for path in pickler.paths for file in _files(path)}):
            with suppress(FileNotFoundError):  # another result has just removed it
                files[file] = self._file(file)
        weights = {init: self._handle(f"weights {init}", partial(load, init)) for init in sorted(pickler.inits)}
        paths, call = frozenset(pickler.paths), content.getvalue()
        return Parcel(call, paths, frozenset(folders), files, weights, version("sepconv-nas"))

    def receive(self, outcome: Outcome) -> Any:
        """Write what the call left behind, and give its result or raise its error."""
        for path, content in outcome.files.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
        if outcome.error is not None:
            raise pickle.loads(outcome.error)
        return pickle.loads(outcome.result or b"")

    def _file(self, path: Path) -> tuple[str, Any]:
        stat = path.stat()
        stamp = path, stat.st_size, stat.st_mtime_ns
        if stamp not in self._stamped:
            with path.open("rb") as file:
                self._stamped[stamp] = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        digest = self._stamped[stamp]
        return digest, self._handle(digest, partial(np.fromfile, path, np.uint8))

    def _handle(self, name: str, content: Callable[[], Any]) -> Any:
        if name not in self._handles:
            self._handles[name] = self._put(content())
        return self._handles[name]


class Mirror:
    """A worker's copy of the files that calls name, below `folder`, None: the machine's of temporary files.

    `get` gives what a handle stands for.
    """

    def __init__(self, get: Callable[[Any], Any], folder: str | None = None) -> None:
        self._get = get
        root = _own_folder(Path(folder or tempfile.gettempdir()) / f"sepconv-nas-{os.getuid()}")
        self._store, workers = root / "files", root / "workers"
        for place in (self._store, workers):
            place.mkdir(exist_ok=True)
        _sweep(self._store, workers)
        self._place = workers / secrets.token_hex(8)
        self._lock = FileLock(f"{self._place}.lock")  # held as long as the process lives
        self._lock.acquire()
        self._place.mkdir()
        self._seen: dict[Path, tuple[str, int]] = {}

    def perform(self, parcel: Parcel) -> Outcome:
        """Do the call of `parcel`; whatever it raises is in the outcome."""
        try:
            self._bring(parcel)
            function, args = _Unpickler(io.BytesIO(parcel.call), self._local).load()
            result, error = pickle.dumps(function(*args)), None
        except Exception as raised:  # an evaluation may fail in any way
            result, error = None, pickle.dumps(through_pickle(raised))
        return Outcome(result, error, self._changed(parcel))

    def close(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._lock.release()

    def _local(self, path: Path) -> Path:
        return self._place / path.relative_to(path.anchor)

    def _bring(self, parcel: Parcel) -> None:
        """Make the mirror what the parcel says.

        Raises:
            OSError: there is no room, or this project is of another version here.
        """
        if parcel.version != (here := version("sepconv-nas")):
            raise OSError(f"a worker has sepconv-nas {here}, the search {parcel.version}; install one on all machines")
        for init, handle in parcel.weights.items():
            provide(init, partial(self._get, handle))
        for path in parcel.paths:
            local = self._local(path)
            (local if path in parcel.folders else local.parent).mkdir(parents=True, exist_ok=True)
            for file in _files(local):
                if self._origin(file) not in parcel.files:
                    file.unlink()
        for path, (digest, handle) in parcel.files.items():
            local = self._local(path)
            if local.exists() and self._seen.get(path) == (digest, local.stat().st_ino):
                continue
            local.unlink(missing_ok=True)
            local.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._unpacked(digest, handle), local)
            self._seen[path] = digest, local.stat().st_ino

    def _unpacked(self, digest: str, handle: Any) -> Path:
        """The file of this content, the same for all workers of the machine; nothing writes into it."""
        place = self._store / digest
        with FileLock(f"{place}.lock"):
            if place.exists():
                os.utime(place)
            else:
                with replacing(place) as file:
                    file.write(memoryview(self._get(handle)))
        return place

    def _changed(self, parcel: Parcel) -> dict[Path, bytes | None]:
        now = {self._origin(file): file for path in parcel.paths for file in _files(self._local(path))}
        changed: dict[Path, bytes | None] = {
            path: file.read_bytes()
            for path, file in now.items()
            if path not in self._seen or self._seen[path][1] != file.stat().st_ino
        }
        return changed | {path: None for path in parcel.files if path not in now}

    def _origin(self, local: Path) -> Path:
        return Path("/") / local.relative_to(self._place)


class _Pickler(pickle.Pickler):
    """Notes paths, and the names of pretrained weights."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.paths: set[Path] = set()
        self.inits: set[str] = set()

    def persistent_id(self, obj: Any) -> str | None:
        """The text of an absolute path; all else is pickled as it is."""
        if isinstance(obj, FromWeights):
            self.inits.update(obj.inits)
        if isinstance(obj, Path) and obj.is_absolute():
            self.paths.add(obj)
            return str(obj)
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, local: Callable[[Path], Path]) -> None:
        super().__init__(file)
        self._local = local

    def persistent_load(self, pid: str) -> Path:
        """The file of the mirror."""
        return self._local(Path(pid))


def _files(path: Path) -> list[Path]:
    """The file at `path`, or those in the folder there, but for what is being written."""
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.is_file() and not each.name.startswith(".")]


def _own_folder(folder: Path) -> Path:
    """`folder`, made for this user alone.

    Raises:
        PermissionError: it is another's, or a link.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stat = folder.lstat()
    if folder.is_symlink() or stat.st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's, or a link; set TMPDIR of the workers")
    return folder


def _sweep(store: Path, workers: Path) -> None:
    """Remove what was not used for long, and the mirrors of workers that are gone."""
    for file in store.iterdir():
        with suppress(OSError):
            if file.stat().st_mtime < time.time() - KEPT_S:
                file.unlink()
    for mirror in workers.iterdir():
        if mirror.is_dir():
            with suppress(OSError, Timeout), FileLock(f"{mirror}.lock", timeout=0):
                shutil.rmtree(mirror, ignore_errors=True)
                Path(f"{mirror}.lock").unlink()
