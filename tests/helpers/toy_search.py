"""Settings of a search from Python that takes seconds."""

from typing import Any

TOY: dict[str, Any] = {
    "search_space": "tiny",
    "workers": 1,
    "warm_start": False,
    "proxy": {"epochs": 1, "resolution": 16},
    "score": {"population": 8},
    "sampler": {"start": 2},
    "confirm": {
        **{"networks": 2, "members": 1, "seeds": 1, "epochs": 1, "extra": 0},
        **{"resolution": 16, "calibration": 16, "formats": ["onnx"]},
    },
    "baselines": {"widths": []},
}
