"""A network of a search as the backbone of a detector or of segmentation: one step of training, then an ONNX file.

    python examples/backbone.py RUN/models/KEY.onnx backbone.onnx

`arch` may be all that `nas.load_architecture` takes. The head here marks, for each pixel of every map, whether there is
an object: replace it and the made-up images by yours.
"""

import sys

import torch
from torch import nn

import nas


def main(arch: str, path: str) -> None:
    """Train one step, and write the backbone: maps go out as `stride4`, `stride8`, …"""
    torch.manual_seed(0)
    network = nas.load_architecture(arch)
    backbone = nas.nets.build(network, features_only=True)
    # Weights of a trained classifier fit: backbone.load_state_dict(state, strict=False)
    heads = nn.ModuleList(nn.Conv2d(channels, 1, 1) for channels in backbone.channels)
    optimizer = torch.optim.SGD([*backbone.parameters(), *heads.parameters()], lr=0.01)

    images = torch.randn(4, network.in_channels, network.resolution, network.resolution)
    maps = backbone(images)
    marked = [torch.zeros_like(each[:, :1]) for each in maps]
    losses = [
        nn.functional.binary_cross_entropy_with_logits(head(each), target)
        for head, each, target in zip(heads, maps, marked, strict=True)
    ]
    loss = torch.stack(losses).mean()
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():.3f}; strides {backbone.strides}, channels {backbone.channels}")

    torch.onnx.export(
        backbone.eval(),
        (images[:1],),
        path,
        input_names=["images"],
        output_names=[f"stride{stride}" for stride in backbone.strides],
        dynamo=True,
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
