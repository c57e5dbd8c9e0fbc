"""The shapes of layers that any device of the shelf was measured on, of `known_shapes.csv`.

`python -m tools.shelf` makes the table from the shelf's profiles.
"""

from functools import cache

from nas.latency.profile_tables import read_table
from nas.resources import data_dir

COLUMNS = ("class", "quantity", "smallest", "largest")


@cache
def known_shapes() -> dict[tuple[str, str], tuple[int, int]]:
    """(smallest, largest) by the class of a layer and the quantity."""
    rows = read_table(data_dir("hardware_profiles") / "known_shapes.csv", COLUMNS)
    return {(row["class"], row["quantity"]): (int(row["smallest"]), int(row["largest"])) for _, row in rows}
