"""Learning from another network's logits: Hinton et al. 2015, https://arxiv.org/abs/1503.02531."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.errors import ConfigError

Teacher = Callable[[Tensor], Tensor]
"""From normalised images, float N x C x R x R, to logits, N x classes: a module, an `OnnxTeacher`, a function."""


def divergence(teacher: Teacher, images: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """T² times the mean KL divergence of the softened `logits` from the softened ones of `teacher`.

    Raises:
        ConfigError: the teacher's number of classes is another.
    """
    with torch.no_grad():
        target = teacher(images).to(logits.device).float()
    if target.shape != logits.shape:
        raise ConfigError(
            f"the teacher gives {target.shape[-1]} classes where the data have {logits.shape[-1]}; "
            "use a teacher of the same classes"
        )
    softened, expected = (F.log_softmax(x / temperature, 1) for x in (logits, target))
    return temperature**2 * F.kl_div(softened, expected, reduction="batchmean", log_target=True)
