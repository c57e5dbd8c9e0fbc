"""YAML files of settings, and how they are written: what YAML 1.2 reads, unless YAML 1.1 reads another thing.

true and false are the only truths, dates are texts, `1e3` is a number. What one version reads as another number than
the other (016, 0x10, 1_0, 1:36) is refused, and so are infinities. Aliases count as what they mean, and there are no
tags.
"""

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

import yaml

from nas.errors import NasError
from nas.reading.numbers import decimal, whole
from nas.reading.words import cut, short

MOST_CHARACTERS = 200_000
MOST_VALUES = 50_000
DEEPEST = 20
"""Levels of lists and mappings inside each other."""

_TAG = "tag:yaml.org,2002:"
_AMBIGUOUS = "ambiguous"
_PLAIN = {
    "merge": r"<<",
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
    _AMBIGUOUS: r"[-+]?(0[xX][0-9a-fA-F_]+|0[oObB]?[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9][0-9_]*"
    r"(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.(inf|Inf|INF|nan|NaN|NAN))",
}


def parse_yaml(text: str, where: str, error: type[NasError], texts: Collection[str] = ()) -> Any:
    """The value that `text` is; values of the keys `texts` stay as they are written (a version 1.20).

    Raises:
        error: it is not such YAML, gives a key twice, is too long or too deep; the message begins with `where`.
    """
    if len(text) > MOST_CHARACTERS:
        raise error(f"{where}: has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read")
    loader = None
    try:
        loader = _Loader(text, texts)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise error(f"{where}: not YAML: {place}{cut(str(wrong.problem or wrong.context), 160)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as wrong:
        raise error(f"{where}: not YAML: {cut(str(wrong), 160)}") from None
    finally:
        if loader:
            loader.dispose()


def yaml_text(value: Any) -> str:
    """YAML that `parse_yaml` reads as `value`, of mappings, lists, texts and numbers."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True))


class _Dumper(yaml.SafeDumper):
    """It quotes what either version of YAML reads as anything but a text."""


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str, texts: Collection[str]) -> None:
        super().__init__(text)
        self._texts, self._depth = texts, 0
        self._sizes: dict[int, tuple[int, int]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if (tag := getattr(event, "tag", None)) is not None:
            raise _problem(event, f"the tag {cut(str(tag))} is not read")
        if self._depth > DEEPEST:
            raise _problem(event, f"nested deeper than {DEEPEST} levels")
        self._depth += 1
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:
                raise _problem(event, "an alias stands inside of what it means")
            return node
        self._sizes[id(node)] = self._size(node)
        if isinstance(node, yaml.ScalarNode) and isinstance(index, yaml.ScalarNode) and index.value in self._texts:
            node.tag = node.tag if node.tag == f"{_TAG}null" else f"{_TAG}str"
        return node

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        """How many values `node` has in all, and how many levels, with what its aliases mean written out."""
        values = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [self._sizes[id(each)] for pair in values for each in (pair if isinstance(pair, tuple) else (pair,))]
        count, levels = 1 + sum(count for count, _ in inner), 1 + max((levels for _, levels in inner), default=0)
        if count > MOST_VALUES or levels > DEEPEST + 1:
            raise _problem(node, f"with its aliases it has more than {MOST_VALUES:,} values or {DEEPEST} levels")
        return count, levels

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := [key for key, count in keys.items() if count > 1]:
            raise _problem(node, f"the key {short(twice[0])} is given twice")
        return node

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        if node.tag == f"{_TAG}{_AMBIGUOUS}":
            digits = node.value.lstrip("+-")
            plain = digits.lstrip("0").isdigit()
            advice = f"write {digits.lstrip('0')}" if plain else "write a plain decimal number"
            raise _problem(node, f"{cut(node.value)}: {advice}, or quote it if it is a text")
        try:
            return whole(node.value) if node.tag == f"{_TAG}int" else decimal(node.value)
        except ValueError as wrong:
            raise _problem(node, f"{cut(node.value)}: {wrong}") from None

    def construct_str(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise _problem(node, "half a character (a lone surrogate) is no text")
        return text


def _problem(place: Any, problem: str) -> yaml.MarkedYAMLError:
    """`place`: an event or a node."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1
for _name, _pattern in _PLAIN.items():
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern})\\Z"), None)
for _name in ("int", "float", _AMBIGUOUS):
    _Loader.add_constructor(f"{_TAG}{_name}", _Loader.construct_number)
_Loader.add_constructor(f"{_TAG}str", _Loader.construct_str)
