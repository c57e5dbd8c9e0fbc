"""The costs of `nas.spaces.cost` for whole arrays of genotypes, by looking blocks up in tables (tables.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.errors import SpaceError
from nas.spaces.choices import Genotypes
from nas.spaces.cost import BYTES
from nas.spaces.layers import Layer, layers
from nas.spaces.space import SearchSpace
from nas.spaces.tables import Counts, Ints, Measure, Tables, tables, total

_CHUNK = 2048  # genotypes at a time: few enough to stay in the cache
_PRODUCTS = 2**17  # of one matrix product: OpenBLAS starts threads for larger ones, ten times slower in all


@dataclass(frozen=True, slots=True, eq=False)
class CostArrays:
    """Costs of n genotypes `by_field`, arrays of shape (n,): int64; of what is predicted float64, `in_range` bool.

    Bytes are at the profile's precision, fp32 without one. What a profile predicts is there as far as `nas.latency`
    predicts it; the latencies and `in_range` are None without a profile.
    """

    by_field: Mapping[str, NDArray[Any]]

    @property
    def macs(self) -> Ints:
        """Multiply-accumulates."""
        return self.by_field["macs"]

    @property
    def params(self) -> Ints:
        """Trainable weights."""
        return self.by_field["params"]

    @property
    def weight_bytes(self) -> Ints:
        """Bytes of the weights."""
        return self.by_field["weight_bytes"]

    @property
    def peak_activation_bytes(self) -> Ints:
        """Bytes of the activations at their peak."""
        return self.by_field["peak_activation_bytes"]

    @property
    def latency_ms(self) -> NDArray[np.float64] | None:
        """Predicted milliseconds."""
        return self.by_field.get("latency_ms")

    @property
    def latency_low_ms(self) -> NDArray[np.float64] | None:
        """Lower end of their interval."""
        return self.by_field.get("latency_low_ms")

    @property
    def latency_high_ms(self) -> NDArray[np.float64] | None:
        """Upper end of their interval."""
        return self.by_field.get("latency_high_ms")

    @property
    def energy_mj(self) -> NDArray[np.float64] | None:
        """Predicted millijoules; None where the profile has none."""
        return self.by_field.get("energy_mj")

    @property
    def in_range(self) -> NDArray[np.bool_] | None:
        """Whether the latency is within what the profile measured."""
        return self.by_field.get("in_range")


def cost_counts(layer: Layer) -> Counts:
    """MACs and params, to be summed; elements in memory while the layer runs, of which the largest counts."""
    return (layer.macs, layer.params), (layer.live_elements,)


def cost_arrays(sums: Ints, peaks: Ints, precision: str = "fp32") -> dict[str, Ints]:
    """The fields of `nas.spaces.cost.Cost` from the totals of `cost_counts`, bytes at `precision`."""
    (macs, params), (elements,), width = sums, peaks, BYTES[precision]
    return {
        "macs": macs,
        "params": params,
        "weight_bytes": params * width,
        "peak_activation_bytes": elements * width,
    }


def totals(space: SearchSpace, genotypes: ArrayLike, measure: Measure) -> tuple[Ints, Ints]:
    """`measure` over all layers of each network, for genotypes (n, variables): sums (k, n) and peaks (m, n).

    Raises:
        SpaceError: not an int array of that shape, or an index out of range.
    """
    rows = checked(space, genotypes)
    found = tables(space.choices, measure)
    if found:
        return _looked_up(rows, found)
    sums, peaks = (np.empty((len(counts), len(rows)), np.int64) for counts in measure(Layer("pool", 1, 1, 1, 1, 1, 1)))
    for number, row in enumerate(rows):
        sums[:, number], peaks[:, number] = total(layers(space.architecture(row)), measure)
    return sums, peaks


def checked(space: SearchSpace, genotypes: ArrayLike) -> Genotypes:
    """`genotypes` as an int array of shape (n, variables).

    Raises:
        SpaceError: it is none, or an index is out of range.
    """
    rows, width = np.asarray(genotypes), len(space.variables)
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype.kind not in "iu":
        raise SpaceError(
            f"genotypes of {space.name} must be ints of shape (n, {width}), got {rows.dtype} of shape {rows.shape}"
        )
    largest = np.array([len(variable.values) - 1 for variable in space.variables], dtype=np.int64)
    for start in range(0, rows.size and len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        if chunk.min() < 0 or (chunk.max(axis=0) > largest).any():
            row, column = np.argwhere((chunk < 0) | (chunk > largest))[0]
            name, index = space.variables[column].name, chunk[row, column]
            raise SpaceError(f"genotype {start + row}: {name}: index {index} is not in 0..{largest[column]}")
    return rows


def _looked_up(rows: Genotypes, found: Tables) -> tuple[Ints, Ints]:
    sums, peaks = (np.empty((table[0].shape[1], len(rows)), np.int64) for table in (found.sums, found.peaks))
    step = min(_CHUNK, _PRODUCTS // max(1, found.weights.size) + 1)
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        first, *others = (found.weights.T @ rows[chunk].T.astype(np.float64)).astype(np.intp)
        added, largest = found.sums[0].take(first, axis=0), found.peaks[0].take(first, axis=0)
        for sum_table, peak_table, index in zip(found.sums[1:], found.peaks[1:], others, strict=True):
            added += sum_table.take(index, axis=0)
            np.maximum(largest, peak_table.take(index, axis=0), out=largest)
        sums[:, chunk], peaks[:, chunk] = added.T, largest.T
    return sums, peaks
