"""Rows as a table of pandas, which is an extra."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas.errors import ConfigError


def data_frame(rows: Sequence[Mapping[str, Any]], index: str) -> Any:
    """A `pandas.DataFrame` of the rows, by their column `index`.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ConfigError("to_frame() needs pandas: pip install 'sepconv-nas[pandas]'") from error
    return pandas.DataFrame(list(rows), columns=list(rows[0]) if rows else [index]).set_index(index)
