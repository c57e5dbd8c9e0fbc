"""Inputs whose size is the fault: what would take for ever is counted first, and refused."""

from tests.helpers.bad_inputs import BadInput


def striding(stages: int, strides: str = "[1, 2]", downsample: int = 32) -> str:
    """A space whose stages all choose their strides."""
    stage = f"  - {{op: sep, kernel: 3, out_channels: 8, stride: {strides}}}\n"
    return f"resolution: 64\ndownsample: {downsample}\nstages:\n{stage * stages}"


def space(says: str, text: str, command: str = "search") -> BadInput:
    """A command that reads the space `text`."""
    more = {
        "search": ("hardware=pixel4", "search_space=space.yaml"),
        "record": ("hardware=made", "device=host", "search_space=space.yaml"),
    }
    return BadInput(command, more[command], files={"space.yaml": text}, says=says)


ROWS = [
    space(r"downsample: 1,287 choices of strides multiply to 32, at most 1,000 may", striding(13)),
    space(r"downsample: 658,008 choices of strides multiply to 32, at most 1,000 may", striding(40)),
    space(r"downsample: 658,008 choices of strides", striding(40), command="record"),
    space(r"downsample: [\d,]+ choices of strides multiply to 64", striding(20, "[1, 2, 4]", 64)),
    space(r"downsample: [\d,]+ choices of strides multiply to 30", striding(40, "[1, 2, 3, 5]", 30)),
    space(r"downsample: no choice of strides multiplies to 3:", striding(40, downsample=3)),
    space(r"downsample: no choice of strides multiplies to 524288:", striding(18, downsample=2**19)),
]
