"""Which proxy is meant where none is named."""

import pytest

from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.search.settings import SearchSettings


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((), "short"),
        (("proxy.resolution=24",), "short"),
        (("rungs=[score]",), "short"),
        (("init=none",), "short"),
        (("init=efficientnet_lite0",), "probe"),
        (("init=efficientnet_lite0", "proxy.validation=500"), "probe"),
        (("init=efficientnet_lite0", "proxy.epochs=1"), "short"),
        (("init=efficientnet_lite0", "proxy=score"), "score"),
        (("proxy.epochs=1",), "short"),
        (("proxy.images=200", "proxy.correction=0"), "short"),
        (("rungs=[score,long]",), "short"),
        (("rungs=[score, supernet]", "proxy.epochs=3"), "supernet"),
        (("proxy.epochs=null", "proxy.minutes=2"), "supernet"),
        (("proxy.validation=500",), "supernet"),
        (("proxy=short", "init=efficientnet_lite0"), "short"),
    ],
)
def test_the_proxy_that_offers_what_is_asked_for(words: tuple[str, ...], name: str) -> None:
    (config,) = compose("search", SearchSettings, read_arguments(words))
    assert parse(config, SearchSettings).proxy.name == name


def test_every_run_of_a_multirun_has_its_own() -> None:
    configs = compose("search", SearchSettings, read_arguments(["-m", "init=none,efficientnet_lite0"]))
    assert [parse(config, SearchSettings).proxy.name for config in configs] == ["short", "probe"]
