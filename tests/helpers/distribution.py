"""How tests are dealt out among processes: by file, what takes longest first, so that the processes end together."""

from xdist.scheduler import LoadScopeScheduling

CLUSTER = (
    "tests/search/test_ray_cluster.py",
    "tests/search/test_searches_elsewhere.py",
    "tests/search/test_executors.py",
)
"""Files whose tests share a cluster of Ray: one process has them all, and starts it once."""
APART = (
    "tests/whole/test_whole_search.py",
    "tests/proxies/test_proxies.py",
    "tests/whole/test_bad_inputs.py",
    "tests/whole/test_passwords.py",
)
"""Files whose tests share nothing costly, so that each test may go anywhere."""
FIRST = (
    *(*CLUSTER, "tests/whole/", "tests/proxies/", "tests/api/", "tests/spaces/", "tests/recording/", "tests/search/"),
    *("tests/exports/", "tests/training/", "tests/report/", "tests/latency/"),
)
"""The beginnings of the paths of what takes longest; the others' files take seconds each."""


def place(nodeid: str) -> int:
    """Where in the order of all tests this one comes; equal ones stay in theirs."""
    return next((number for number, begin in enumerate(FIRST) if nodeid.startswith(begin)), len(FIRST))


def scope(nodeid: str) -> str:
    """The name of what one process does as a whole, of which this test is part."""
    file = nodeid.partition("::")[0]
    return CLUSTER[0] if file in CLUSTER else nodeid if file in APART else file


class Scheduling(LoadScopeScheduling):
    """Deals out tests by their `scope`."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
