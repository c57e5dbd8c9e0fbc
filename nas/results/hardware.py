"""The device that latencies are of, as front.json tells it."""

from dataclasses import dataclass

from nas.results.codec import Count, Finite


@dataclass(frozen=True, slots=True)
class LatencyErrors:
    """The predictor's errors on networks left out of its fit; null where too few networks tell."""

    n: Count
    """networks they are over"""
    mape_percent: Finite | None
    """mean absolute error, in percent of what was measured"""
    max_percent: Finite | None
    """the largest error, in percent"""
    within_5_percent: Finite | None
    """percent of the networks predicted within 5 %"""
    within_10_percent: Finite | None
    """percent of the networks predicted within 10 %"""
    coverage_percent: Finite | None
    """percent of the networks inside their 90 % interval"""
    spearman: Finite | None
    """rank correlation of predicted and measured"""
    kendall: Finite | None
    """Kendall's tau of predicted and measured"""
    macs_mape_percent: Finite | None
    """mean absolute error, in percent, of a fit to the multiply-accumulates alone"""
    params_mape_percent: Finite | None
    """mean absolute error, in percent, of a fit to the parameters alone"""
    how: str
    """how networks were left out: `leave-one-out`"""


@dataclass(frozen=True, slots=True)
class Hardware:
    """One configuration of a device, where its measurements come from, and how well it is predicted."""

    name: str
    """the profile's folder"""
    configuration: str
    """which of the profile's configurations: `1large_fp32`"""
    device: str
    """the device by its full name"""
    soc: str
    """its chip"""
    cores: str
    """the cores used"""
    threads: Count
    """threads of an inference"""
    precision: str
    """fp32 or int8: what the latencies are of"""
    runtime: str
    """what ran the networks"""
    runtime_version: str
    """its version"""
    method: str
    """how the milliseconds were measured"""
    repeats: str
    """how often each was, in words"""
    date: str
    """when"""
    source: str
    """who measured, or where it is published"""
    license: str
    """of the measurements"""
    notes: tuple[str, ...]
    """what else to know about them"""
    networks: Count
    """networks measured, all together"""
    error: LatencyErrors
    """how far predictions of networks never seen are off"""
    batch: Count = 1
    """images of an inference, of which milliseconds are"""
    like: str | None = None
    """the profile this one was made from with few networks of its own"""

    @property
    def label(self) -> str:
        """As it is asked for: `pixel4:1large_fp32`."""
        return f"{self.name}:{self.configuration}"
