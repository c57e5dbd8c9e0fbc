"""The settings of a search from the words of its command line."""

from collections.abc import Iterable

from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.search.settings import SearchSettings


def search_settings(words: Iterable[str]) -> SearchSettings:
    """What `python -m nas.search` with these words would be told; raises as that does.

    Raises:
        ConfigError: a setting is unknown, or a value is wrong.
    """
    (config,) = compose("search", SearchSettings, read_arguments(list(words)))
    return parse(config, SearchSettings)
