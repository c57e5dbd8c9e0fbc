"""A small network, and what trains it in a second."""

from types import SimpleNamespace

import torch
from torch import nn

from nas.spaces.load import load_space
from nas.training.module import Classifier
from nas.training.recipe import Recipe

SPACE = load_space("tiny").with_data(1, 10)
SMALL = SPACE.architecture([0] * len(SPACE.variables))
PIXELS = 16
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.2)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in net.state_dict().values()])


def step(module: Classifier, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    module._trainer = SimpleNamespace(max_epochs=1, num_training_batches=8)  # type: ignore[assignment]
    module.on_train_start()
    return module.training_step((images, labels), 0)
