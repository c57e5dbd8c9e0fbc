"""How much ONNX Runtime's arena sets aside for the activations of a network: `python -m tests.helpers.arena NETWORK …`.

Once it has run a graph, ONNX Runtime knows the order and the size of its tensors, and from the second run on takes one
block for all of them; that its arena grows by that is told on stderr alone, so this is a process of its own. Networks
must follow one another by size, since a block that is free already is taken again. The graph's own input and output
are not among them. Constants are folded beforehand, nothing else is rewritten.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime as ort

from nas.recording.graph import network_graph
from nas.spaces.architecture import Architecture


def main() -> None:
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    as_requested = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1}
    ort.set_default_logger_severity(1)
    ort.create_and_register_allocator(info, ort.OrtArenaCfg({**as_requested, "max_dead_bytes_per_chunk": -1}))
    for notation in sys.argv[1:]:
        session = _session(Architecture.from_notation(notation))
        feed = {each.name: np.zeros(each.shape, np.float32) for each in session.get_inputs()}
        session.run(None, feed)
        print("SECOND RUN", file=sys.stderr, flush=True)
        session.run(None, feed)
        print("END", file=sys.stderr, flush=True)


def _session(arch: Architecture) -> ort.InferenceSession:
    with tempfile.TemporaryDirectory() as folder:
        folded = Path(folder, "folded.onnx")
        options = ort.SessionOptions()
        options.log_severity_level, options.optimized_model_filepath = 4, str(folded)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        ort.InferenceSession(network_graph(arch).SerializeToString(), options, providers=["CPUExecutionProvider"])
        options = ort.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 1, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.use_env_allocators", "1")
        return ort.InferenceSession(str(folded), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
