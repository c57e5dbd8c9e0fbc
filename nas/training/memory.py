"""How much memory a training takes, before it is begun."""

from nas.spaces.architecture import Architecture
from nas.spaces.layers import layers

_PROCESS = 650 * 2**20
"""Bytes of Python, torch and Lightning."""
_KEPT = 2.6
"""What is kept for the gradient and what is computed beside it, as a multiple of all layers' outputs in fp32."""


def training_bytes(arch: Architecture, batch_size: int) -> float:
    """Bytes of a process that trains `arch` on the CPU in fp32, about.

    Of networks of 31M to 860M MACs at 64 to 260 pixels, in batches of 32, which took 0.8 to 4.8 GB, the most was 0.84
    to 1.03 of it.
    """
    outputs = sum(layer.out_channels * layer.out_size**2 for layer in layers(arch))
    return _PROCESS + _KEPT * 4 * batch_size * outputs
