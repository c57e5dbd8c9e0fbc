"""A network of a search as an embedding for retrieval: one step of training on triplets, then an ONNX file.

    python examples/embedding.py RUN/models/KEY.onnx embedding.onnx

`arch` may be all that `nas.load_architecture` takes. Images of one thing are to be near each other, those of others
far: replace the made-up images by yours.
"""

import sys

import torch
from torch import nn

import nas


def main(arch: str, path: str) -> None:
    """Train one step, and write the network: images to vectors of length 1."""
    torch.manual_seed(0)
    network = nas.load_architecture(arch)
    net = nas.nets.build(network, head="embedding", embedding=64)
    # Weights of a trained classifier fit: net.load_state_dict(state, strict=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    shape = (4, network.in_channels, network.resolution, network.resolution)
    anchors, others = torch.randn(shape), torch.randn(shape)
    alike = anchors + 0.1 * torch.randn(shape)
    loss = nn.functional.triplet_margin_loss(net(anchors), net(alike), net(others), margin=0.2)
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():.3f}; {net.size} numbers an image")

    torch.onnx.export(
        net.eval(),
        (anchors[:1],),
        path,
        input_names=["images"],
        output_names=["embedding"],
        dynamo=True,
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
