"""What the graph of a network alone tells of its accuracy: no weights, no images."""

import numpy as np
from numpy.typing import NDArray

from nas.spaces.architecture import Architecture
from nas.spaces.choices import Genotypes
from nas.spaces.costs import totals
from nas.spaces.layers import Layer, layers
from nas.spaces.space import SearchSpace
from nas.spaces.stage import Stage
from nas.spaces.tables import Counts, total

COUNTS = (
    "log_macs",
    "log_params",
    "log_units",  # elements that go through an activation
    "depth",  # convolutions, those of gates left out
    "shortcuts",
)


def graph_counts(arch: Architecture) -> dict[str, float]:
    """Every count of `COUNTS` for one network. Gates count towards MACs and params alone."""
    sums, _ = total(layers(arch), _counted)
    return {name: float(value) for name, value in zip(COUNTS, _logs(np.array(sums)), strict=True)}


def graph_features(space: SearchSpace, genotypes: Genotypes) -> NDArray[np.float64]:
    """`COUNTS` and the number of blocks of each stage, for genotypes (n, variables): shape (n, columns)."""
    sums, _ = totals(space, genotypes, _counted)
    blocks = [_blocks(space, stage, genotypes) for stage in space.stages]
    return np.column_stack([*_logs(sums), *blocks])


def _counted(layer: Layer) -> Counts:
    convolution = layer.op in ("conv", "depthwise") and not layer.bias
    units = layer.out_elements * (convolution and layer.activation != "none")
    return (layer.macs, layer.params, units, int(convolution), int(layer.op == "add")), (0,)


def _logs(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """The counts of `COUNTS` from their sums (5, ...)."""
    return np.concatenate([np.log(np.maximum(sums[:3], 1)), sums[3:]])


def _blocks(space: SearchSpace, stage: Stage, genotypes: Genotypes) -> Genotypes:
    """How many blocks of `stage` each genotype has, identities left out."""
    columns = {variable.name: column for variable, column in zip(space.variables, genotypes.T, strict=True)}
    first = np.zeros(len(genotypes), dtype=np.int64)
    depth = np.array(stage.depth)[columns.get(f"{stage.name}.depth", first)]
    runs = np.array([bool(block) for block in stage.blocks or ({"op": "any"},)])
    places = [stage.variable("block", index) for index in range(max(stage.depth))]
    counts = [(index < depth) & runs[columns.get(place, first)] for index, place in enumerate(places)]
    result: Genotypes = np.sum(counts, axis=0, dtype=np.int64)
    return result
