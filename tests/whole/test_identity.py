"""What names things: digests of plain values, and which settings must agree."""

from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any

import pytest

from nas.identity import Free, agreeing, digest, plain


@dataclass(frozen=True)
class Inner:
    epochs: int
    seeds: Free[int]
    shift: int = 0


@dataclass(frozen=True)
class Outer:
    budget: tuple[str, ...]
    inner: Inner
    trials: Free[int]
    sampler: dict[str, Any] = field(default_factory=dict)
    derived: int = field(init=False, default=3)


OUTER = Outer(("300M",), Inner(5, 2), 28)


def test_what_must_agree_is_by_dotted_key_without_what_may_change_and_defaults() -> None:
    assert agreeing(OUTER) == {"budget": ["300M"], "inner.epochs": 5}
    other = Outer(("300M",), Inner(5, 9, shift=1), 99, {"name": "tpe"})
    assert agreeing(other) == {"budget": ["300M"], "inner.epochs": 5, "inner.shift": 1, "sampler": {"name": "tpe"}}


def test_a_field_added_with_a_default_and_a_renamed_class_change_nothing() -> None:
    more = make_dataclass("Renamed", [("colour", str, "red")], bases=(Outer,), frozen=True)
    same, other = more(("300M",), Inner(5, 2), 28), more(("300M",), Inner(5, 2), 28, colour="blue")
    assert agreeing(same) == agreeing(OUTER)
    assert digest(same, 1) == digest(OUTER, 1)
    assert agreeing(other) == {**agreeing(OUTER), "colour": "blue"}
    assert digest(other, 1) != digest(OUTER, 1)


def test_a_digest_is_of_values_and_a_version() -> None:
    assert digest(OUTER, 1) == digest(OUTER, 1) != digest(OUTER, 2)
    assert len(digest(OUTER, 1, size=3)) == 6
    assert digest({"a": 1, "b": (2, 3)}, 1) == digest({"b": [2, 3], "a": 1}, 1)
    assert plain({"path": Path("x/y"), "none": None}) == {"path": "x/y", "none": None}


def test_an_object_with_an_identity_stands_for_that_and_others_are_refused() -> None:
    class Teacher:
        identity = ("supernet", 3)

    assert plain([Teacher()]) == [["supernet", 3]]
    with pytest.raises(TypeError, match="a set has no identity"):
        plain({1, 2})
