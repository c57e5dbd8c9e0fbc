"""What weights take for granted beside their architecture: the epsilon of batch norms, and how strides meet borders.

Both belong to the weights: networks that were trained in TensorFlow have another epsilon than torch's, and pad as its
`SAME` does, by one pixel less above and left of maps of even size. Costs and the shapes of layers are the same.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.nets.depthwise import depthwise


@dataclass(frozen=True, slots=True)
class Conventions:
    """`eps` of batch norms, and how convolutions with a stride pad: kernel // 2 on every side, or as `SAME` does."""

    eps: float = 1e-5
    padding: Literal["symmetric", "same"] = "symmetric"


PLAIN = Conventions()
"""Those of networks that are trained from scratch."""

TENSORFLOW = Conventions(1e-3, "same")
"""Those of networks that were trained in TensorFlow."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels that TensorFlow's SAME adds before and after `size` pixels, so that (size - 1) // stride + 1 come out."""
    total = max(0, (size - 1) // stride * stride + kernel - size)
    return total // 2, total - total // 2


def follow(net: nn.Module, conventions: Conventions) -> None:
    """Make `net`, fresh from `nas.nets.blocks`, follow `conventions`; its weights and their names stay as they are."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = conventions.eps
    if conventions.padding == "same":
        for parent in list(net.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Conv2d) and child.stride != (1, 1):
                    setattr(parent, name, SamePadded(child))


class SamePadded(nn.Conv2d):
    """The convolution `plain`, whose weights it takes over, padded as TensorFlow's SAME does.

    Without a stride that is kernel // 2 on every side. In ONNX the padding is an attribute of the convolution.
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        with torch.device("meta"):
            super().__init__(
                *(plain.in_channels, plain.out_channels, plain.kernel_size[0], plain.stride[0]),
                groups=plain.groups,
                bias=plain.bias is not None,
            )
        self.weight, self.bias = plain.weight, plain.bias

    def forward(self, input: Tensor) -> Tensor:
        """NCHW to NCHW."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if torch.onnx.is_in_onnx_export():
            size = [(pixels - 1) // stride + 1 for pixels in input.shape[2:]]
            return torch.onnx.ops.symbolic(
                "Conv",
                (input, self.weight) if self.bias is None else (input, self.weight, self.bias),
                {
                    "auto_pad": "SAME_UPPER",
                    "strides": [stride, stride],
                    "kernel_shape": [kernel, kernel],
                    "group": self.groups,
                },
                dtype=input.dtype,
                shape=(input.shape[0], self.out_channels, *size),
            )
        height, width = (same_padding(pixels, kernel, stride) for pixels in input.shape[2:])
        padded = F.pad(input, (*width, *height))
        if self.groups == 1 or self.groups != self.in_channels or self.bias is not None:
            return F.conv2d(padded, self.weight, self.bias, stride, groups=self.groups)
        # As `nas.nets.depthwise.Depthwise`: oneDNN is slow in bf16 at a stride.
        slow = torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()
        with torch.autocast("cpu", enabled=torch.is_autocast_enabled("cpu") and not slow):
            return depthwise(padded.float() if slow else padded, self.weight, stride, 0)
