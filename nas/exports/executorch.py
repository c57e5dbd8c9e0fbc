"""ExecuTorch in fp32, for phones, by its XNNPACK backend, from the network in torch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import Run, in_batches
from nas.resources import replace_file


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    graph = trained.graph
    example = torch.zeros(trained.batch or 1, graph.channels, graph.resolution, graph.resolution)
    program = torch.export.export(trained.net.eval().cpu(), (example,))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    replace_file(path, lowered.to_executorch().buffer)


def _open(path: Path) -> Run:
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")

    size = method.metadata.input_tensor_meta(0).sizes()[0]
    return in_batches(lambda images: np.asarray(method.execute([torch.from_numpy(images)])[0]), size)


EXECUTORCH = Exporter(
    *("executorch", "fp32", ".pte"),
    write=_write,
    open=_open,
    describe=None,
    time=None,
    disagreement=0.005,  # rounding
    needs="executorch",
    extra="executorch",
)
