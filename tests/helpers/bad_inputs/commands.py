"""The command line: settings, groups, and what Hydra makes of them."""

from tests.helpers.bad_inputs import BadInput

ROWS = [
    BadInput("search", ("hardware=pixel5",), says=r"unknown hardware.* 'pixel5'; known: .*pixel4"),
    BadInput("search", ("trials=many",), says=r"trials: .*integer.*'many'"),
    BadInput("predict", (), says=r"arch is not set; give arch="),
    BadInput("predict", ("arch=broken.json",), says=r"broken\.json", files={"broken.json": "{"}),
    BadInput("validate", ("hardware=pixel5",), says=r"unknown hardware.* 'pixel5'"),
    BadInput("record", ("hardware=x", "minutes=-1"), says=r"minutes must be above 0, got -1"),
    BadInput("report", ("nowhere",), says=r"nowhere/front\.json: cannot be read: .*give the folder"),
]
