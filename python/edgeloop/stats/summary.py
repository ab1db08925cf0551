"""The figures of one loop of one configuration, each with its interval or the reason for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats import steady
from edgeloop.stats.advice import advice
from edgeloop.stats.pooled import pooled_quantile
from edgeloop.stats.processes import Headline, headline
from edgeloop.stats.quantile import Interval, QuantileEstimate, quantile_interval
from edgeloop.stats.run_times import RunTimes, joined, mean_run_ns
from edgeloop.stats.spread import spread

PERCENTILES = (50.0, 90.0, 99.0)
"""What is reported unless other percentiles are asked for."""

Process = Sequence[RunTimes]
"""The blocks of one process in the order of measurement."""

_WORST_LAST = (
    steady.FLAT,
    steady.WARM_UP,
    steady.SLOW_DOWN,
    steady.DRIFT,
    steady.NO_STEADY_STATE,
)


@dataclass(frozen=True)
class Summary:
    """Times in ns per run. A field is None where `reasons` says why."""

    median_ns: float
    """Geometric mean of the medians of the processes."""
    median_ci95_ns: Optional[Interval]
    """The wider of the next two."""
    median_ci95_within_ns: Optional[Interval]
    median_ci95_between_ns: Optional[Interval]
    p90_ns: Optional[float]
    p90_ci95_ns: Optional[Interval]
    p99_ns: Optional[float]
    p99_ci95_ns: Optional[Interval]
    min_ns: Optional[float]
    max_ns: Optional[float]
    mean_ns: float
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
    items_per_s: Optional[float]
    steady_state: Optional[str]
    """The least steady class of the processes."""
    stop_reason: Optional[str]
    energy_j: Optional[float]
    advice: str
    """What more runs or more processes would buy."""
    percentiles: Mapping[str, QuantileEstimate]
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
        document["percentiles"] = {k: _estimate_dict(e) for k, e in self.percentiles.items()}
        document["steady_states"] = [_state_dict(state) for state in self.steady_states]
        return document


def summarise(
    processes: Sequence[Process],
    percentiles: Sequence[float] = PERCENTILES,
    *,
    tail_processes: Optional[Sequence[Process]] = None,
    elapsed_s: Optional[float] = None,
    items_per_run: Optional[int] = None,
    stop_reason: Optional[str] = None,
    energy_j: Optional[float] = None,
) -> Summary:
    """Summarise the samples of a loop, one sequence of blocks per process.

    `tail_processes` are samples of single runs, which carry tail and spread where the others are
    means. `elapsed_s` is what all samples took together; without it the mean run stands for it,
    which is the same for contiguous stamps. Blocks before the steady state of a process are left
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
    estimates = _put_quantiles(fields_, medians, singles, percentiles, runs_per_sample)
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


def _put_quantiles(
    fields_: _Fields,
    medians: Sequence[QuantileEstimate],
    singles: Sequence[npt.NDArray[Any]],
    percentiles: Sequence[float],
    runs_per_sample: int,
) -> dict[str, QuantileEstimate]:
    """Put the headline and the tails, and return all quantiles by name.

    The median among them is the headline: one result shows one median.
    """
    middle = headline(medians)
    fields_.put("n_eff", float(sum(median.n_eff for median in medians)))
    fields_.put("median_ns", middle.value)
    fields_.put("median_ci95_ns", middle.interval, middle.reason)
    fields_.put("median_ci95_within_ns", middle.within, middle.within_reason)
    fields_.put("median_ci95_between_ns", middle.between, middle.between_reason)
    estimates = {}
    for percentile in percentiles:
        name = f"{percentile:g}"
        if percentile == 50.0:
            estimates[name] = _as_estimate(middle, medians)
        elif singles:
            estimates[name] = pooled_quantile(singles, percentile / 100.0)
        else:
            reason = _means(runs_per_sample)
            estimates[name] = QuantileEstimate(percentile / 100.0, None, None, None, 0, 0.0, reason)
    _put_tails(fields_, estimates)
    return estimates


def _as_estimate(middle: Headline, medians: Sequence[QuantileEstimate]) -> QuantileEstimate:
    low, high = middle.interval or (None, None)
    n = sum(median.n for median in medians)
    n_eff = sum(median.n_eff for median in medians)
    return QuantileEstimate(0.5, middle.value, low, high, n, n_eff, middle.reason)


def _means(runs_per_sample: int) -> str:
    return f"samples are means of {runs_per_sample} runs, which hide how far single runs scatter"


def _put_tails(fields_: _Fields, estimates: Mapping[str, QuantileEstimate]) -> None:
    for name in ("90", "99"):
        estimate = estimates.get(name)
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


def _put_rate(
    fields_: _Fields,
    measured: Sequence[Process],
    elapsed_s: Optional[float],
    items_per_run: Optional[int],
) -> None:
    """Put the throughput, the harmonic companion of the mean time."""
    mean_ns = fields_.values["mean_ns"]
    rate = 1e9 / mean_ns if mean_ns > 0.0 else None
    if elapsed_s is not None:
        rate = sum(block.runs for blocks in measured for block in blocks) / elapsed_s
    fields_.put("runs_per_s", rate, "every sample took 0 ns: the timer is too coarse")
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


def _estimate_dict(estimate: QuantileEstimate) -> dict[str, Any]:
    return {
        "value_ns": estimate.value,
        "ci95_ns": None if estimate.interval is None else list(estimate.interval),
        "low_ns": estimate.low,
        "high_ns": estimate.high,
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
