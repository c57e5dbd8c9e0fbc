"""What opens a storage is shown nowhere and written nowhere: not by a whole search, not by what is refused."""

from pathlib import Path

import pytest

from nas.errors import ConfigError
from nas.reading.passwords import hide, hide_parts, resolve
from nas.search.record.storage import open_storage
from tests.helpers.calls import call
from tests.helpers.processes import python
from tests.helpers.refusal import refusal
from tests.helpers.search_process import SMALL

MARKER = "Zq7wMarker"
QUICK = [
    *(*SMALL, "device=none", "tracker=wandb", "proxy.epochs=1", "trials=2", "workers=1", "baselines.widths=[]"),
    *("confirm.networks=1", "confirm.members=1", "confirm.seeds=1", "confirm.formats=[onnx]", "hydra.run.dir=run"),
]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"mysql://me:{MARKER}@host/db", "mysql://***@host/db"),
        (f"mysql+pymysql://me:{MARKER}@host:3306/db", "mysql+pymysql://***@host:3306/db"),
        (f"postgresql://{MARKER}@host/db", "postgresql://***@host/db"),
        (f"postgresql://me:a@{MARKER}@host/db", "postgresql://***@host/db"),
        (f"postgresql://me:a/{MARKER}@host/db", "postgresql://***@host/db"),
        (f"postgresql://me:a?{MARKER}@host/db", "postgresql://***"),
        (f"postgresql://host/db?user=me&password={MARKER}", "postgresql://host/db?***"),
        (f"postgresql://host/db?password=a@{MARKER}", "postgresql://***"),
        (f"mysql://me:{MARKER}", "mysql://***"),
        (f"redis://:{MARKER}@localhost:6379/0", "redis://***@localhost:6379/0"),
        (f"storage='mysql://me:{MARKER}@host/db'", "storage='mysql://***@host/db'"),
        (f"storage=mysql://me:{MARKER}@host/db,mysql://me:{MARKER}@other/db", "storage=mysql://***@other/db"),
        (f"me:{MARKER}@host/db", "***@host/db"),
        (f"mysql://me:a@b:{MARKER}", "mysql://***"),
        (f"mysql://me:12:{MARKER}/db", "mysql://***"),
        (f"mysql://host/db;password={MARKER}", "mysql://host/db;password=***"),
        (f"host=h PWD = {MARKER}", "host=h PWD = ***"),
        ("postgresql://one:5432,two:5433/db", "postgresql://one:5432,two:5433/db"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("sqlite:///searches.db", "sqlite:///searches.db"),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("env:NAS_STORAGE", "env:NAS_STORAGE"),
        ("hardware=pixel4:1large_int8", "hardware=pixel4:1large_int8"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert hide(url) == shown
    secret = MARKER if MARKER in url else "nothing"
    assert secret not in hide_parts(f"cannot use {url.partition('=')[2] or url}, nor '{secret}'", url) or url == shown


URLS = [
    *(f"mysql://me:{MARKER}@localhost:1/db", f"nothing://me:{MARKER}@host", f"mysql://me:{MARKER}"),
    *(f"postgresql://me:{MARKER}@localhost:1/db", f"sqlite:////nowhere/x.db?password={MARKER}", f"me:{MARKER}@host"),
    *(f"sqlite:///x.db?{MARKER}={MARKER}", f"mysql://me:{MARKER}%40@h/d"),
    *(f"mysql://me:a@b:{MARKER}", f"Server=h;PWD={MARKER}"),
]


@pytest.mark.parametrize("url", [*URLS, f"me:{MARKER}", f"mysql:me:{MARKER}"])
def test_a_storage_that_cannot_be_opened_is_told_without(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refusal(ConfigError, open_storage, url)
    assert message.startswith("cannot open storage=")
    assert MARKER not in message
    monkeypatch.setenv("NAS_STORAGE", url)
    message = refusal(ConfigError, open_storage, "env:NAS_STORAGE")
    assert message.startswith("cannot open storage=env:NAS_STORAGE: ")
    assert MARKER not in message


def test_a_variable_holds_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_STORAGE", "sqlite:///a.db")
    assert resolve("env:NAS_STORAGE") == "sqlite:///a.db"
    assert resolve("sqlite:///b.db") == "sqlite:///b.db"
    monkeypatch.delenv("NAS_STORAGE")
    assert "export NAS_STORAGE=URL" in refusal(ConfigError, resolve, "env:NAS_STORAGE")


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "words",
    [
        *(["storage='URL'"], ["storage=URL"], ["storage=[URL]"], ["storage=${oc.env:NAS_STORAGE}"], ["storage='URL"]),
        *(["storage=URL,x"], ["-m", "storage=URL,x"], ["storage={a:URL}"], ["+storage=URL"], ["storrage=URL"], ["URL"]),
        *(
            ["--cfg", "job", "storage='URL'"],
            ["--help", "storage='URL'"],
            ["--cfg", "all", "storage=${oc.env:NAS_STORAGE}"],
        ),
        *(["seed=x", "storage='URL'"], ["storage='URL'", "hydra.run.dir=/dev/null/x"], ["--nonsense", "storage='URL'"]),
    ],
    ids=" ".join,
)
def test_no_refusal_and_no_answer_has_it(
    url: str, words: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAS_STORAGE", url)
    monkeypatch.setattr("nas.search.record.databases.open_database", refuse)
    call(monkeypatch, "search", *(word.replace("URL", url) for word in words))
    out, err = capfd.readouterr()
    assert MARKER not in out + err
    assert not list(here.rglob("*"))


def refuse(url: str) -> None:
    raise RuntimeError(f"cannot connect to {url}")


def test_a_whole_search_leaves_no_trace_of_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///file:studies.db?uri=true&password={MARKER}"
    ended = python("-m", "nas.search", *QUICK, f"storage='{url}'", cwd=here)
    assert ended.returncode == 0, ended.stderr
    assert MARKER not in ended.stdout + ended.stderr
    monkeypatch.setenv("NAS_STORAGE", url)
    for storage in ("env:NAS_STORAGE", "${oc.env:NAS_STORAGE}"):  # which go on from there
        assert call(monkeypatch, "search", *QUICK, f"storage={storage}") == 0
        said = capfd.readouterr()
        assert said.out
        assert MARKER not in said.out + said.err
    files = [path for path in here.rglob("*") if path.is_file()]
    assert {"front.json", "report.html", "overrides.yaml", "debug.log", "studies.db"} <= {path.name for path in files}
    assert not [path for path in files if MARKER.encode() in path.read_bytes()]
    assert "storage: ${oc.env:NAS_STORAGE}" in (here / "run" / ".hydra" / "config.yaml").read_text()
