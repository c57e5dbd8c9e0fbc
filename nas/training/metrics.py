"""What a trained network is judged by."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.data.batches import Batch


@dataclass(frozen=True, slots=True)
class Metrics:
    """Means over images: `accuracy` 0..1, `loss` in nats, and `margin` -1..1.

    The margin is the probability of the label less that of the most probable other class.
    """

    accuracy: float
    loss: float
    margin: float


@torch.no_grad()
def judge(net: nn.Module, batches: Iterable[Batch]) -> Metrics:
    """`net`, put into evaluation mode, on `batches`; sums stay on its device, and are read once."""
    net.eval()
    device = next(net.parameters()).device
    sums, total = torch.zeros(3, dtype=torch.float64, device=device), 0
    for images, labels in batches:
        logits = net(images.to(device, memory_format=torch.channels_last)).double()
        sums += _sums(logits, labels.to(device))
        total += len(labels)
    return Metrics(*(sums / total).tolist())


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Right answers, losses and margins, added up over the images of a batch."""
    logs = torch.log_softmax(logits, 1)
    own = logs.gather(1, labels[:, None])[:, 0]
    others = logs.scatter(1, labels[:, None], -math.inf).amax(1)
    return torch.stack([(logits.argmax(1) == labels).sum(), -own.sum(), (own.exp() - others.exp()).sum()])


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share of n trials (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
