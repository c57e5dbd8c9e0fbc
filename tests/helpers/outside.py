"""What a card's code runs in beside Python: Node.js, a page that is served, C++; tests skip where one is not there."""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def node_package(name: str) -> Path:
    """The folder of a package of npm, in one that NODE_PATH names or where `make test` puts it."""
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js here")
    folders = [*os.environ.get("NODE_PATH", "").split(os.pathsep), f"{sys.prefix}/node/node_modules"]
    found = [path for folder in folders if folder and (path := Path(folder) / name).is_dir()]
    if not found:
        pytest.skip(f"no {name}: npm install it, and let NODE_PATH name its node_modules")
    return found[0]


def openvino_flags() -> list[str]:
    """What a compiler needs for OpenVINO in C++, of which the Python package has headers and libraries."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ here")
    openvino = pytest.importorskip("openvino")
    place = Path(openvino.__file__).parent
    (library,) = (place / "libs").glob("libopenvino.so.*")
    return [f"-I{place / 'include'}", f"-L{library.parent}", f"-l:{library.name}", f"-Wl,-rpath,{library.parent}"]


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address at which `folder` is served, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
