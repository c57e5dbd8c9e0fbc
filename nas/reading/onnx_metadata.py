"""The metadata of an ONNX file, without its weights: of a file of any size, some kilobytes are read."""

from pathlib import Path
from typing import BinaryIO

from nas.errors import NasError
from nas.reading.files import open_regular
from nas.reading.words import cut

MOST_BYTES = 4_000_000
"""Of all keys and values together."""

_METADATA, _KEY, _VALUE = 14, 1, 2  # fields of ModelProto and of StringStringEntryProto, onnx.proto
_VARINT, _LONG, _BYTES, _WORD = 0, 1, 2, 5  # wire types, https://protobuf.dev/programming-guides/encoding
_FIXED = {_LONG: 8, _WORD: 4}


def read_metadata(path: str | Path, error: type[NasError]) -> dict[str, str]:
    """The texts by key; none where the file has none.

    Raises:
        error: there is no such file, or it is none of ONNX; the message names it.
    """
    where = cut(str(path), 200)
    try:
        with open_regular(path) as file:
            return _metadata(file)
    except OSError as wrong:
        raise error(f"{where}: cannot be read: {wrong.strerror}") from None
    except ValueError as wrong:
        raise error(f"{where}: no ONNX file: {wrong}") from None


def _metadata(file: BinaryIO) -> dict[str, str]:
    file.seek(0, 2)
    end, left = file.tell(), MOST_BYTES
    file.seek(0)
    found: dict[str, str] = {}
    while file.tell() < end:
        field, wire, length = _head(file)
        if file.tell() + length > end:
            raise ValueError("it is cut short, or no protobuf")
        if (field, wire) == (_METADATA, _BYTES):
            left -= length
            if left < 0:
                raise ValueError(f"its metadata have more than {MOST_BYTES:,} bytes")
            entry = _entry(file, file.tell() + length)
            found[entry.get(_KEY, "")] = entry.get(_VALUE, "")
        else:
            file.seek(length, 1)
    if not end:
        raise ValueError("it is empty")
    return found


def _entry(file: BinaryIO, end: int) -> dict[int, str]:
    texts: dict[int, str] = {}
    while file.tell() < end:
        field, wire, length = _head(file)
        if wire != _BYTES or file.tell() + length > end:
            raise ValueError("its metadata cannot be read")
        texts[field] = file.read(length).decode("utf-8", "replace")
    return texts


def _head(file: BinaryIO) -> tuple[int, int, int]:
    """Number and wire type of the field that begins here, and how many bytes of it follow."""
    field, wire = divmod(_varint(file), 8)
    if wire == _BYTES:
        return field, wire, _varint(file)
    if wire == _VARINT:
        _varint(file)
        return field, wire, 0
    if not field or wire not in _FIXED:
        raise ValueError("it is no protobuf")
    return field, wire, _FIXED[wire]


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("it is cut short, or no protobuf")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("it is no protobuf")
