"""Text and files to plain values: what is read, what is refused, and that every refusal is one short line."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ConfigError
from nas.reading.checks import CLOSED, Number, Whole, Words, checked
from nas.reading.files import read_text
from nas.reading.json_text import DEEPEST, parse_json
from nas.reading.tables import read_header, read_rows
from nas.reading.words import listed, short
from nas.reading.yaml_text import parse_yaml

# Files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_text_is_utf8_with_or_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "file").write_bytes("Größe: 3\r\n".encode(encoding))
    assert read_text(tmp_path / "file", ConfigError) == "Größe: 3\r\n"


def make(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "large":
        path.write_bytes(b"x" * 101)
    elif kind == "latin-1":
        path.write_bytes(b"Gr\xf6\xdfe")
    elif kind == "utf-16":
        path.write_bytes("key: 1".encode("utf-16"))


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("none", "file: cannot be read: No such file or directory"),
        ("folder", "file: is a folder; give a file"),
        ("pipe", "file: is a pipe or device; give a file"),
        ("socket", "file: is a pipe or device; give a file"),
        ("device", "file: is a pipe or device; give a file"),
        ("large", "file: is larger than 100 bytes, the most that is read of such a file"),
        ("latin-1", "file: not UTF-8 text (byte 3 is 0xf6); save it as UTF-8"),
        ("utf-16", "file: not UTF-8 text (byte 1 is 0xff); save it as UTF-8"),
    ],
)
def test_what_is_no_file_of_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(kind, Path("file"))
    with pytest.raises(ConfigError) as caught:
        read_text("file", ConfigError, at_most=100)
    assert str(caught.value) == problem


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "/".join(["a"] * 4000)])
def test_names_of_no_file_are_refused_in_a_short_line(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_text(name, ConfigError)
    assert len(str(caught.value)) < 400


# JSON


def test_json_is_read() -> None:
    text = '{"a": [1, -2, 0.5, 1e3, true, null, "ö"], "b": {"a": {}}}'
    assert parse_json(text, "file", ConfigError) == {"a": [1, -2, 0.5, 1000.0, True, None, "ö"], "b": {"a": {}}}
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert parse_json(deep, "file", ConfigError)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[1] [2]", "not JSON: Extra data: line 1 column 5 (char 4)"),
        ("[\u0661]", "not JSON: Expecting value: line 1 column 2 (char 1)"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' is given twice"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "a number beyond what a computer's numbers reach"),
        ("[1e-999]", "a number beyond what a computer's numbers reach"),
        ("9" * 5000, "a number of 5000 characters is too long"),
        ("0." + "9" * 5000, "a number of 5002 characters is too long"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        ("[" + "[]," * 1_600_000 + "1]", "holds more than 3,000,000 values"),
    ],
)
def test_json_that_cannot_be_what_it_says_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(text, "file", ConfigError)
    assert str(caught.value) == f"file: {problem}"


# YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2.5e-3", 0.0025),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("2026-08-01", "2026-08-01"),
        ("2001-99-99", "2001-99-99"),
        ("'016'", "016"),
        ("1.20.3", "1.20.3"),
        ("\u0663", "\u0663"),
        ("[1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
    ],
)
def test_yaml_is_read_as_it_is_written(text: str, value: Any) -> None:
    found = parse_yaml(f"key: {text}", "file", ConfigError)
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


def test_yaml_texts_stay_as_they_are_written() -> None:
    text = "version: 1.20\ndate: 1:36\ncode: 016\nplain: 1.20\nnothing:\n"
    found = parse_yaml(text, "file", ConfigError, texts=("version", "date", "code", "nothing"))
    assert found == {"version": "1.20", "date": "1:36", "code": "016", "plain": 1.2, "nothing": None}


def test_yaml_aliases_are_read_as_what_they_mean() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\n"
    assert parse_yaml(text, "file", ConfigError) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }


LAUGHS = "\n".join(f"- &a{n} [{', '.join(['x' if n == 1 else f'*a{n - 1}'] * 9)}]" for n in range(1, 20))
MERGED = "\n".join(
    f"- &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" if n > 1 else "- &a1 {x: 1, y: 2, z: 3}" for n in range(1, 20)
)
CHAIN = "\n".join(f"- &a{n} [{f'*a{n - 1}' if n > 1 else 'x'}]" for n in range(1, 5000))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nkey: 016", "line 2: 016: write 16, or quote it if it is a text"),
        ("key: -024", "line 1: -024: write 24, or quote it if it is a text"),
        ("key: 0x10", "line 1: 0x10: write a plain decimal number, or quote it if it is a text"),
        ("key: 0o17", "line 1: 0o17: write a plain decimal number, or quote it if it is a text"),
        ("key: 0b11", "line 1: 0b11: write a plain decimal number, or quote it if it is a text"),
        ("key: 1_000", "line 1: 1_000: write a plain decimal number, or quote it if it is a text"),
        ("key: [1:36]", "line 1: 1:36: write a plain decimal number, or quote it if it is a text"),
        ("key: 1:30:00.5", "line 1: 1:30:00.5: write a plain decimal number, or quote it if it is a text"),
        ("key: .inf", "line 1: .inf: write a plain decimal number, or quote it if it is a text"),
        ("key: .NaN", "line 1: .NaN: write a plain decimal number, or quote it if it is a text"),
        ("key: 1e999", "line 1: 1e999: a number beyond what a computer's numbers reach"),
        ("key: " + "9" * 5000, f"line 1: {'9' * 59}…: a number of 5000 characters is too long"),
        ("key: 1\nother: {a: 1, a: 2}", "line 2: the key 'a' is given twice"),
        ("1: a\n1: b", "line 1: the key '1' is given twice"),
        (LAUGHS, "line 5: with its aliases it has more than 50,000 values or 20 levels"),
        (MERGED, "line 6: with its aliases it has more than 50,000 values or 20 levels"),
        (CHAIN, "line 21: with its aliases it has more than 50,000 values or 20 levels"),
        ("key: &a [*a]", "line 1: an alias stands inside of what it means"),
        ("key: &a {b: *a}", "line 1: an alias stands inside of what it means"),
        ("key: *a", "line 1: found undefined alias 'a'"),
        ("key: !!python/name:os.system", "line 1: the tag tag:yaml.org,2002:python/name:os.system is not read"),
        ("key: !!set {a, b}", "line 1: the tag tag:yaml.org,2002:set is not read"),
        ('key: "\\ud800"', "line 1: half a character (a lone surrogate) is no text"),
        ('key: "\\UFFFFFFFF"', "Python int too large to convert to C int"),
        ("? [a]\n: b", "line 1: found unhashable key"),
        ("a: b: c", "line 1: mapping values are not allowed here"),
        ("a: 1\n--- \nb: 2", "line 2: but found another document"),
        (
            "key: \0",
            'unacceptable character #x0000: special characters are not allowed in "<unicode string>", position 5',
        ),
        ("[" * 3000, "line 1: nested deeper than 20 levels"),
        ("- " * 3000, "line 1: nested deeper than 20 levels"),
    ],
)
def test_yaml_that_could_mean_another_thing_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "file", ConfigError)
    assert str(caught.value).replace("expected a single document in the stream", "but found another document") == (
        f"file: not YAML: {problem}"
    )


def test_much_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^file: has 400,000 characters; at most 200,000 are read$"):
        parse_yaml("a: 1" * 100_000, "file", ConfigError)


# Tables


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_read_with_their_places(tmp_path: Path, mark: str, end: str) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(end.join([f"{mark}arch,ms", 'a,"1', '2"', "", "ö,3", ""]).encode())
    assert read_header(file, ConfigError) == ("arch", "ms")
    assert list(read_rows(file, ConfigError)) == [
        (f"{file}:3", {"arch": "a", "ms": f"1{end}2"}),
        (f"{file}:5", {"arch": "ö", "ms": "3"}),
    ]


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "table.csv").touch()
    assert read_header(tmp_path / "table.csv", ConfigError) == ()
    assert list(read_rows(tmp_path / "table.csv", ConfigError)) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1\n", ":2: the row must have 2 cells, as a, b; got 1"),
        ("a,b\n1,2\n1,2,3\n", ":3: the row must have 2 cells, as a, b; got 3"),
        ("a,a\n1,2\n", ":1: the column 'a' is given twice"),
        ("a,b\n1,\0\n", ":2: holds a NUL, and is no table"),
        ('a,b\n1,"2\n', ":2: not CSV: unexpected end of data; is there a stray quote?"),
        ('a,b\n1,"2"3\n', ":2: not CSV: ',' expected after '\"'; is there a stray quote?"),
        (f"a,b\n1,{'2' * 200_000}\n", ":2: not CSV: field larger than field limit (131072); is there a stray quote?"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        list(read_rows(file, ConfigError))
    assert str(caught.value) == f"{file}{problem}"


# Schemas


@dataclass(frozen=True, slots=True)
class Row:
    __pydantic_config__ = CLOSED
    count: Whole
    ms: Number
    names: list[str]


GOOD = {"count": 1, "ms": 2, "names": ["a"]}


def test_values_are_checked() -> None:
    assert checked(Row, GOOD, "file", ConfigError) == Row(1, 2.0, ["a"])
    assert checked(list[Row], [GOOD], "file", ConfigError) == [Row(1, 2.0, ["a"])]


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (Row, 5, "input should be a dictionary or an instance of Row, got 5"),
        (Row, {"count": 1}, "ms: is missing"),
        (Row, {**GOOD, "count": "1"}, "count: input should be a valid integer, got '1'"),
        (Row, {**GOOD, "count": True}, "count: input should be a valid integer, got True"),
        (Row, {**GOOD, "ms": float("nan")}, "ms: input should be a finite number, got nan"),
        (Row, {**GOOD, "names": [1]}, "names.0: input should be a valid string, got 1"),
        (
            Words,
            "\ud800",
            "input should be a valid string, unable to parse raw data as a unicode string, got '\\ud800'",
        ),
        (Words, " ", "must be a text that is not empty, got ' '"),
        (Row, {**GOOD, "x" * 200: 1}, f"{'x' * 119}…: is no known key"),
        (list[Row], [GOOD, {**GOOD, "ms": "y" * 10**6}], f"1.ms: input should be a valid number, got '{'y' * 58}…"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(kind: type, value: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(kind, value, "file", ConfigError)
    assert str(caught.value) == f"file: {problem}"


# Words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (None, "None"),
        (10**30, f"1{'0' * 30}"),
        ("x" * 10**7, f"'{'x' * 58}…"),
        ([0] * 10**6, "[0, 0, 0, 0, 0, 0, ...]"),
        ({"b": 1, "a": {"c": [1]}}, "{'a': {'c': [1]}, 'b': 1}"),
        ("\udcff\n", "'\\udcff\\n'"),
    ],
)
def test_values_are_cut_short(value: Any, text: str) -> None:
    assert short(value) == text


def test_a_number_of_thousands_of_digits_is_not_written() -> None:
    assert short(10**5000) == "a number of 16610 bits"
    assert short([10**5000]) == "[a number of 16610 bits]"


def test_values_inside_themselves_are_cut_short() -> None:
    value: list[Any] = []
    value.append(value)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert short(value) == "[[[[[...]]]]]"
    assert short(deep) == "[[[[[...]]]]]"
    while isinstance(deep, list):
        (deep,) = deep


def test_lists_are_cut_short() -> None:
    assert listed([]) == ""
    assert listed(["b", "a"]) == "b, a"
    assert listed(map(str, range(20_000)), at_most=20) == "0, 1, 2, 3, 4, 5 and 19994 more"
    assert listed(["\ud800a\nb"]) == "\\ud800a b"
    assert listed(["x" * 500, "y"], at_most=20) == f"{'x' * 59}… and 1 more"
