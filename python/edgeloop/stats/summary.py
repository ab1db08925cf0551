"""The figures of one loop of one configuration, each with its interval or the reason for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats import steady
from edgeloop.stats.advice import advice
from edgeloop.stats.pooled import clipped, pooled_quantile, within_quantile
from edgeloop.stats.processes import (
    Headline,
    across_interval,
    headline,
    too_few_processes,
)
from edgeloop.stats.quantile import Interval, QuantileEstimate, quantile_interval
from edgeloop.stats.run_times import RunTimes, joined, mean_run_ns

PERCENTILES = (50.0, 90.0, 99.0)
"""What is reported unless other percentiles are asked for."""

Process = Sequence[RunTimes]
"""The blocks of one process in the order of measurement."""

_COARSE = "every sample took 0 ns: the timer is too coarse"

_WORST_LAST = (
    steady.FLAT,
    steady.WARM_UP,
    steady.SLOW_DOWN,
    steady.DRIFT,
    steady.NO_STEADY_STATE,
)


@dataclass(frozen=True)
class Percentile:
    """A quantile over all processes, and what the scatter within them says of it."""

    estimate: QuantileEstimate
    within: Optional[Interval]


@dataclass(frozen=True)
class Summary:
    """Times in ns per run. A field is None where `reasons` says why."""

    median_ns: float
    """Geometric mean of the medians of the processes."""
    median_ci95_ns: Optional[Interval]
    """From process to process; None below three."""
    median_ci95_within_ns: Optional[Interval]
    """From the scatter inside processes: chance in these runs, not what the next process has."""
    p90_ns: Optional[float]
    p90_ci95_ns: Optional[Interval]
    p99_ns: Optional[float]
    p99_ci95_ns: Optional[Interval]
    min_ns: Optional[float]
    max_ns: Optional[float]
    mean_ns: float
    mean_ci95_ns: Optional[Interval]
    """From the means of the processes, as all intervals of several processes."""
    stddev_ns: Optional[float]
    iqr_ns: Optional[float]
    mad_ns: Optional[float]
    n: int
    """Samples in the figures above."""
    n_eff: float
    """Independent samples they are worth for the median, over all processes."""
    n_left_out: int
    """Samples before the steady state of their process: kept in the file, not in the figures."""
    runs_per_sample: int
    """The most in any sample."""
    processes: int
    runs_per_s: Optional[float]
    runs_per_s_ci95: Optional[Interval]
    """The mean's, turned over; None where runs were due at fixed times."""
    items_per_s: Optional[float]
    steady_state: Optional[str]
    """The least steady class of the processes."""
    stop_reason: Optional[str]
    energy_j: Optional[float]
    advice: str
    """What more runs or more processes would buy."""
    percentiles: Mapping[str, Percentile]
    """What was asked for, by name: "99.9"."""
    steady_states: tuple[steady.SteadyState, ...]
    """One per process; segments count blocks."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a field is None, by the field's name."""

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: None with `<field>_reason` beside it where there is none."""
        document: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            document[entry.name] = list(value) if isinstance(value, tuple) else value
            if entry.name in self.reasons:
                document[f"{entry.name}_reason"] = self.reasons[entry.name]
        del document["reasons"]
        document["percentiles"] = {k: _percentile_dict(one) for k, one in self.percentiles.items()}
        document["steady_states"] = [_state_dict(state) for state in self.steady_states]
        return document


def summarise(
    processes: Sequence[Process],
    percentiles: Sequence[float] = PERCENTILES,
    *,
    tail_processes: Optional[Sequence[Process]] = None,
    elapsed_s: Optional[float] = None,
    items_per_run: Optional[int] = None,
    tick_ns: float = 0.0,
    stop_reason: Optional[str] = None,
    energy_j: Optional[float] = None,
) -> Summary:
    """Summarise the samples of a loop, one sequence of blocks per process.

    `tail_processes` are samples of single runs, which carry tail and spread where the others are
    means. `elapsed_s` is what all samples took together; without it the mean run stands for it,
    which is the same for contiguous stamps. `tick_ns` is the clock's: no interval of a median is
    narrower than what a tick is of a sample. Blocks before the steady state of a process are left
    out, and counted. Raises ValueError without samples and on a percentile outside (0, 100).
    """
    if not all(0.0 < percentile < 100.0 for percentile in percentiles):
        raise ValueError(f"percentiles {list(percentiles)}: each lies between 0 and 100, excluded")
    measured = _measured(processes)
    if not measured:
        raise ValueError("no samples: nothing was measured")
    runs_per_sample = max(block.runs_per_sample for blocks in measured for block in blocks)
    states = tuple(steady.classify([b.median_ns for b in blocks]) for blocks in measured)
    used = [blocks[s.used.start : s.used.stop] for blocks, s in zip(measured, states)]
    runs = [joined(blocks) for blocks in used]
    tails = used if runs_per_sample == 1 else _measured(tail_processes or ())
    singles = [joined(blocks) for blocks in tails]
    medians = [quantile_interval(x, 0.5) for x in runs]
    fields_ = _Fields()
    middle = _put_median(fields_, medians, tick_ns / runs_per_sample)
    estimates = _percentiles(middle, medians, singles, percentiles, runs_per_sample)
    _put_tails(fields_, estimates)
    _put_spread(fields_, singles, runs_per_sample)
    _put_counts(fields_, used, measured)
    _put_rate(fields_, measured, elapsed_s, items_per_run)
    _put_steady_state(fields_, states)
    fields_.put("stop_reason", stop_reason, "not recorded")
    fields_.put("energy_j", energy_j, "no power was measured")
    return Summary(
        **fields_.values,
        runs_per_sample=runs_per_sample,
        processes=len(measured),
        advice=advice(medians),
        percentiles=estimates,
        steady_states=states,
        reasons=fields_.reasons,
    )


@dataclass(frozen=True)
class _Fields:
    """Values by field, and for each that is None the reason."""

    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: Any, reason: Optional[str] = None) -> None:
        self.values[name] = value
        if value is None:
            self.reasons[name] = reason or "unknown"


def _measured(processes: Sequence[Process]) -> list[Process]:
    """Return the processes and blocks that hold samples."""
    kept = [[block for block in blocks if block.ns.size] for blocks in processes]
    return [blocks for blocks in kept if blocks]


def _put_median(fields_: _Fields, medians: Sequence[QuantileEstimate], tick_ns: float) -> Headline:
    """Put the headline with its intervals, and return it; `tick_ns` is that of one run."""
    middle = headline(medians)
    middle = replace(
        middle,
        interval=_resolved(middle.interval, middle.value, tick_ns),
        within=_resolved(middle.within, middle.value, tick_ns),
    )
    fields_.put("n_eff", float(sum(median.n_eff for median in medians)))
    fields_.put("median_ns", middle.value)
    fields_.put("median_ci95_ns", middle.interval, middle.reason)
    fields_.put("median_ci95_within_ns", middle.within, middle.within_reason)
    return middle


def _resolved(interval: Optional[Interval], value: float, tick_ns: float) -> Optional[Interval]:
    """Return an interval that reaches at least a tick to either side: medians tie on ticks."""
    if interval is None:
        return None
    return min(interval[0], value - tick_ns), max(interval[1], value + tick_ns)


def _percentiles(
    middle: Headline,
    medians: Sequence[QuantileEstimate],
    singles: Sequence[npt.NDArray[Any]],
    percentiles: Sequence[float],
    runs_per_sample: int,
) -> dict[str, Percentile]:
    """Return what was asked for by name; the median among them is the headline."""
    found = {}
    for percentile in percentiles:
        p = percentile / 100.0
        if percentile == 50.0:
            found["50"] = _as_percentile(middle, medians)
        elif not singles:
            none = QuantileEstimate(p, None, None, None, 0, 0.0, _means(runs_per_sample))
            found[f"{percentile:g}"] = Percentile(none, None)
        else:
            low, high = _known_bounds(singles, p, middle)
            found[f"{percentile:g}"] = Percentile(
                clipped(pooled_quantile(singles, p), low, high),
                clipped(within_quantile(singles, p), low, high).interval,
            )
    return found


def _known_bounds(
    singles: Sequence[npt.NDArray[Any]], p: float, middle: Headline
) -> tuple[float, float]:
    """Return what no quantile `p` lies beyond: the extremes, and the median's far end."""
    low = float(min(x.min() for x in singles))
    high = float(max(x.max() for x in singles))
    if middle.interval is None:
        return low, high
    return (max(low, middle.interval[0]), high) if p > 0.5 else (low, min(high, middle.interval[1]))


def _as_percentile(middle: Headline, medians: Sequence[QuantileEstimate]) -> Percentile:
    low, high = middle.interval or (None, None)
    n = sum(median.n for median in medians)
    n_eff = sum(median.n_eff for median in medians)
    estimate = QuantileEstimate(0.5, middle.value, low, high, n, n_eff, middle.reason)
    return Percentile(estimate, middle.within)


def _means(runs_per_sample: int) -> str:
    return f"samples are means of {runs_per_sample} runs, which hide how far single runs scatter"


def _put_tails(fields_: _Fields, percentiles: Mapping[str, Percentile]) -> None:
    for name in ("90", "99"):
        estimate = percentiles[name].estimate if name in percentiles else None
        reason = "not asked for" if estimate is None else estimate.reason
        fields_.put(f"p{name}_ns", None if estimate is None else estimate.value, reason)
        fields_.put(f"p{name}_ci95_ns", None if estimate is None else estimate.interval, reason)


def _put_spread(
    fields_: _Fields, singles: Sequence[npt.NDArray[Any]], runs_per_sample: int
) -> None:
    pooled = np.concatenate(list(singles)) if singles else np.empty(0)
    found = spread(pooled) if pooled.size >= 2 else None
    reason = "not enough samples (need 2)" if singles else _means(runs_per_sample)
    fields_.put("min_ns", found and found.minimum, reason)
    fields_.put("max_ns", found and found.maximum, reason)
    fields_.put("stddev_ns", found and found.stddev, reason)
    fields_.put("iqr_ns", found and found.iqr, reason)
    fields_.put("mad_ns", found and found.mad, reason)


def _put_counts(fields_: _Fields, used: Sequence[Process], measured: Sequence[Process]) -> None:
    fields_.put("n", _size(used))
    fields_.put("n_left_out", _size(measured) - _size(used))
    fields_.put("mean_ns", mean_run_ns([block for blocks in used for block in blocks]))
    means = [mean_run_ns(blocks) for blocks in used]
    if min(means) <= 0.0:
        fields_.put("mean_ci95_ns", None, _COARSE)
        return
    interval = across_interval(means)
    if interval is not None:  # of unlike long processes the mean is not quite their middle
        mean_ns = fields_.values["mean_ns"]
        interval = min(interval[0], mean_ns), max(interval[1], mean_ns)
    fields_.put("mean_ci95_ns", interval, too_few_processes(len(means)))


def _put_rate(
    fields_: _Fields,
    measured: Sequence[Process],
    elapsed_s: Optional[float],
    items_per_run: Optional[int],
) -> None:
    """Put the throughput, the harmonic companion of the mean time."""
    mean_ns = fields_.values["mean_ns"]
    rate = 1e9 / mean_ns if mean_ns > 0.0 else None
    slow_fast, reason = fields_.values["mean_ci95_ns"], fields_.reasons.get("mean_ci95_ns")
    if elapsed_s is not None:
        rate = sum(block.runs for blocks in measured for block in blocks) / elapsed_s
        slow_fast, reason = None, "the rate was given"
    fields_.put("runs_per_s", rate, _COARSE)
    interval = None if slow_fast is None else (1e9 / slow_fast[1], 1e9 / slow_fast[0])
    fields_.put("runs_per_s_ci95", interval, reason)
    items = None if items_per_run is None or rate is None else rate * items_per_run
    fields_.put("items_per_s", items, "the number of items in a run is not known")


def _size(processes: Sequence[Process]) -> int:
    return sum(block.ns.size for blocks in processes for block in blocks)


def _put_steady_state(fields_: _Fields, states: Sequence[steady.SteadyState]) -> None:
    """Put the least steady class, or why a process has none."""
    kinds = [state.kind for state in states if state.kind is not None]
    worst = max(kinds, key=_WORST_LAST.index) if len(kinds) == len(states) else None
    unknown = next((state.reason for state in states if state.kind is None), None)
    fields_.put("steady_state", worst, unknown)


def _percentile_dict(percentile: Percentile) -> dict[str, Any]:
    estimate, within = percentile.estimate, percentile.within
    return {
        "value_ns": estimate.value,
        "ci95_ns": None if estimate.interval is None else list(estimate.interval),
        "ci95_within_ns": None if within is None else list(within),
        "n": estimate.n,
        "n_eff": estimate.n_eff,
        "reason": estimate.reason,
    }


def _state_dict(state: steady.SteadyState) -> dict[str, Any]:
    return {
        "kind": state.kind,
        "reason": state.reason,
        "segments": [
            {"start": s.start, "stop": s.stop, "median_ns": s.median} for s in state.segments
        ],
        "used": [state.used.start, state.used.stop],
    }


@dataclass(frozen=True)
class Spread:
    """Scatter of single runs; the unit is that of the samples."""

    minimum: float
    maximum: float
    stddev: float
    """With n - 1; beside the others, never the headline: one slow run can double it."""
    iqr: float
    mad: float
    """Median absolute deviation from the median, not scaled to a normal distribution."""


def spread(x: npt.NDArray[Any]) -> Spread:
    """Return the scatter of at least two samples, in any order."""
    lower, middle, upper = np.quantile(x, (0.25, 0.5, 0.75))
    return Spread(
        minimum=float(x.min()),
        maximum=float(x.max()),
        stddev=float(np.std(x, ddof=1)),
        iqr=float(upper - lower),
        mad=float(np.median(np.abs(x - middle))),
    )
