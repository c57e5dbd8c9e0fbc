"""How the tests look at an error."""

from collections.abc import Callable
from typing import Any

import pytest

from nas.errors import NasError


def refusal(error: type[NasError], call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The message of the error that `call` raises: one line."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)
