"""A Gaussian process over numbers and choices, with what it does not know.

The kernel is a sum: a line in the numbers and a main effect of each choice (what every table of networks
shows first: accuracy rises with log cost, and each choice has its own share), a smooth function of the
numbers, and a function of numbers and choices together (interactions).

    k = 1 + a z.z' + b c.c' + e exp(-u |z - z'|^2) + f exp(-v |z - z'|^2 - w |c - c'|^2) + noise

with z the standardised numbers and c the choices (a category as indicators, see `Grid.design`), each over
the root of how many there are. Scales are common to all of a kind, so that a dozen observations settle
them. Amplitudes, scales and the noise maximise the marginal likelihood times log-normal priors (Rasmussen
and Williams 2006, sections 2.7 and 5.4), with analytic gradients.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

Array = npt.NDArray[np.float64]

START = np.log([0.01, 1.0, 1.0, 0.5, 0.5, 0.1, 0.03, 0.1])
"""Prior medians of noise, a, b, e, f, u, v, w, for values of unit variance."""

SPREAD = 1.5
"""Prior standard deviation of their logarithms."""

CHUNK = 512
"""Points that are predicted at a time: few enough to stay in the cache."""

MOST = 160
"""Observations, evenly spaced, that settle the parameters at most; all of them make the posterior."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """N points: numbers z and choices c, each of shape (n, its columns)."""

    numbers: Array
    choices: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: npt.NDArray[np.int64] | slice) -> "Inputs":
        return Inputs(self.numbers[index], self.choices[index])

    def __add__(self, other: "Inputs") -> "Inputs":
        numbers, choices = (np.concatenate(pair) for pair in zip(self.blocks, other.blocks, strict=True))
        return Inputs(numbers, choices)

    @property
    def blocks(self) -> tuple[Array, Array]:
        """Both kinds of columns."""
        return self.numbers, self.choices


@dataclass(frozen=True, slots=True)
class Warp:
    """Losses on the scale that is modelled: log(loss - best + offset), then to mean 0 and variance 1.

    Losses are skewed: most of a space's are near the best, a few far off. The logarithm counts differences
    near the best in full, and those far off less; the offset is the distance from the best to the median.
    """

    best: float
    offset: float
    shift: float
    scale: float

    @classmethod
    def of(cls, losses: Array) -> "Warp":
        """The scale for `losses`, shape (n,)."""
        best = float(losses.min())
        offset = float(np.median(losses)) - best or float(losses.mean()) - best or 1.0
        logs = np.log(losses - best + offset)
        return cls(best, offset, float(logs.mean()), float(logs.std()) or 1.0)

    def apply(self, losses: Array) -> Array:
        """`losses` as modelled."""
        result: Array = (np.log(losses - self.best + self.offset) - self.shift) / self.scale
        return result

    def variance(self, losses: Array, errors: Array) -> Array:
        """The variance, as modelled, of `losses` of standard deviation `errors`, to first order."""
        result: Array = (errors / ((losses - self.best + self.offset) * self.scale)) ** 2
        return result

    def undo(self, mean: Array, deviation: Array) -> tuple[Array, Array]:
        """The loss of median `mean`, and its deviation to first order."""
        distance = np.exp(np.minimum(mean * self.scale + self.shift, 700.0))
        return distance + (self.best - self.offset), distance * deviation * self.scale


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A posterior: predictions of the noise-free loss at any points."""

    inputs: Inputs
    targets: Array
    warp: Warp
    parameters: Array
    doubts: Array
    factor: Array
    weights: Array

    @property
    def noise(self) -> float:
        """Estimated standard deviation of the noise of one observation, near the best."""
        return float(np.exp(self.parameters[0] / 2) * self.warp.scale * self.warp.offset)

    def predict(self, points: Inputs) -> tuple[Array, Array]:
        """Predicted loss and its standard deviation at n points, each of shape (n,)."""
        starts = range(0, len(points), CHUNK)
        parts = [self._standard(points[start : start + CHUNK]) for start in starts]
        return self.warp.undo(*np.concatenate([np.zeros((2, 0)), *parts], axis=1))

    def believing(self, points: Inputs) -> "Surrogate":
        """The same predictions with less doubt around `points`, as if those had been observed as predicted.

        That is the kriging believer of Ginsbourger et al. 2010: what is pending has its predicted value.
        """
        if not len(points):
            return self
        targets = np.concatenate([self.targets, self._standard(points)[0]])
        doubts = np.concatenate([self.doubts, np.zeros(len(points))])
        return _condition(self.inputs + points, targets, self.warp, self.parameters, doubts)

    def _standard(self, points: Inputs) -> Array:
        """Mean and deviation on the modelled scale, shape (2, n)."""
        cross = _kernel(self.parameters, points, self.inputs)
        mean = cross @ self.weights
        explained = solve_triangular(self.factor, cross.T, lower=True, overwrite_b=True, check_finite=False)
        variance = _prior_variance(self.parameters, points) - np.einsum("ij,ij->j", explained, explained)
        return np.stack([mean, np.sqrt(np.maximum(variance, 1e-10))])


class Joint:
    """Predictions at n points as a whole, on the modelled scale: `mean` and `variance`, each of shape (n,)."""

    def __init__(self, model: Surrogate, points: Inputs) -> None:
        self._parameters, self._points = model.parameters, points
        cross = _kernel(model.parameters, points, model.inputs)
        self.mean: Array = cross @ model.weights
        explained = solve_triangular(model.factor, cross.T, lower=True, overwrite_b=True, check_finite=False)
        self.variance: Array = _prior_variance(model.parameters, points) - np.einsum("ij,ij->j", explained, explained)
        self._explained: Array = explained.T

    def reveal(self, index: int) -> Array:
        """What one deviation more at point `index` adds to every point; the variances are then those that are left."""
        point = self._points[slice(index, index + 1)]
        column = _kernel(self._parameters, self._points, point)[:, 0] - self._explained @ self._explained[index]
        effect: Array = column / np.sqrt(max(column[index], 1e-10))
        self._explained = np.column_stack([self._explained, effect])
        self.variance = self.variance - effect**2
        return effect


def fit(inputs: Inputs, losses: Array, errors: Array | None = None) -> Surrogate:
    """The posterior given `losses`, shape (n,), at `inputs`, with parameters of maximum posterior density.

    `errors` are standard deviations, shape (n,), of what a loss is uncertain by beside the common noise. At least
    one must be 0; a loss of another that is far below the best of those counts as half an offset below.
    """
    errors = np.zeros(len(losses)) if errors is None else errors
    warp = Warp.of(losses[errors == 0])
    losses = np.maximum(losses, warp.best - warp.offset / 2)
    targets, doubts = warp.apply(losses), warp.variance(losses, errors)
    some = np.unique(np.linspace(0, len(losses) - 1, MOST).round().astype(np.int64))
    data = (_products(inputs[some]), targets[some], doubts[some])
    bounds = [(start - 7, start + 7) for start in START]
    found = minimize(_objective, START, data, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    return _condition(inputs, targets, warp, found.x, doubts)


def _condition(inputs: Inputs, targets: Array, warp: Warp, parameters: Array, doubts: Array) -> Surrogate:
    covariance = _kernel(parameters, inputs, inputs)
    covariance[np.diag_indices_from(covariance)] += np.exp(parameters[0]) + 1e-8 + doubts
    factor: Array = np.linalg.cholesky(covariance).astype(np.float64)
    return Surrogate(inputs, targets, warp, parameters, doubts, factor, cho_solve((factor, True), targets))


def _products(points: Inputs) -> tuple[list[Array], list[Array]]:
    """Inner products and squared distances of each kind of columns."""
    return [block @ block.T for block in points.blocks], [_squares(block, block) for block in points.blocks]


def _kernel(parameters: Array, first: Inputs, second: Inputs) -> Array:
    """The covariance of the noise-free value, shape (n of first, n of second); in place, for speed."""
    _, a, b, e, f, u, v, w = np.exp(parameters)
    total: Array = _scaled(first, a, b) @ _scaled(second, a, b).T
    total += 1
    smooth = _squares(_scaled(first, u, 0), _scaled(second, u, 0))
    np.exp(np.negative(smooth, out=smooth), out=smooth)
    total += np.multiply(smooth, e, out=smooth)
    joint = _squares(_scaled(first, v, w), _scaled(second, v, w))
    np.exp(np.negative(joint, out=joint), out=joint)
    total += np.multiply(joint, f, out=joint)
    return total


def _scaled(points: Inputs, numbers: float, choices: float) -> Array:
    """Columns whose inner products are `numbers` z.z' + `choices` c.c'."""
    parts = [block * np.sqrt(scale) for block, scale in zip(points.blocks, (numbers, choices), strict=True) if scale]
    return np.concatenate(parts, axis=1)


def _squares(first: Array, second: Array) -> Array:
    """Squared distances between the rows of two arrays."""
    squares: Array = -2 * first @ second.T
    squares += np.einsum("ij,ij->i", first, first)[:, None]
    squares += np.einsum("ij,ij->i", second, second)
    return np.maximum(squares, 0, out=squares)


def _prior_variance(parameters: Array, points: Inputs) -> Array:
    _, a, b, e, f, *_ = np.exp(parameters)
    lengths = [np.einsum("ij,ij->i", block, block) for block in points.blocks]
    variance: Array = 1 + a * lengths[0] + b * lengths[1] + e + f
    return variance


def _objective(
    parameters: Array, products: tuple[list[Array], list[Array]], targets: Array, doubts: Array
) -> tuple[float, Array]:
    """Negative log posterior density of the parameters, and its gradient."""
    noise, a, b, e, f, u, v, w = np.exp(parameters)
    linear, distances = products
    parts = [scale * inner for scale, inner in zip((a, b), linear, strict=True)]
    smooth = e * np.exp(-u * distances[0])
    far = [scale * distance for scale, distance in zip((v, w), distances, strict=True)]
    joint = f * np.exp(-far[0] - far[1])
    covariance = 1 + parts[0] + parts[1] + smooth + joint
    covariance[np.diag_indices_from(covariance)] += noise + 1e-8 + doubts
    factor, failed = dpotrf(covariance, lower=1)
    if failed:
        return 1e10, np.zeros_like(parameters)
    weights = cho_solve((factor, True), targets, check_finite=False)
    inverse = dpotri(factor, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    residual = inverse - np.outer(weights, weights)
    derivatives = [*parts, smooth, joint, -u * distances[0] * smooth, *(-part * joint for part in far)]
    traces = [noise * np.trace(residual), *(np.vdot(residual, part) for part in derivatives)]
    prior = (parameters - START) / SPREAD
    density = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * prior @ prior
    return float(density), 0.5 * np.array(traces) + prior / SPREAD
