"""The published networks that the field compares with, a file each kind, as data over the blocks of networks."""

from collections.abc import Mapping

from nas.spaces.catalogue.branched import BRANCHED
from nas.spaces.catalogue.mobilenets import MOBILENETS
from nas.spaces.catalogue.published import Published
from nas.spaces.catalogue.searched import SEARCHED

NETWORKS: Mapping[str, Published] = {**MOBILENETS, **SEARCHED, **BRANCHED}
"""Every family by name."""
