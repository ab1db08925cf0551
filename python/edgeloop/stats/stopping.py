"""When to stop: decided between blocks and between processes, on what has been measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Optional

from edgeloop.stats.advice import variance_components
from edgeloop.stats.processes import headline
from edgeloop.stats.quantile import QuantileEstimate, samples_needed
from edgeloop.stats.run_times import RunTimes

CONVERGED = "converged"
TIME_BUDGET = "time_budget"
CAPACITY = "capacity"
FIXED_COUNT = "fixed_count"
PLANNED = "planned"
"""A process has measured as long as it was to."""

TAIL_RESOLUTIONS = 20
"""A single run takes at least this many resolutions of the clock, or its tail is the clock's."""

Blocks = Sequence[RunTimes]
"""The blocks of one process in the order of measurement."""

LONGEST_STRETCH = 4.0
"""A process measures at most this many times as long as the first guess, ..."""

SHORTEST_STRETCH = 0.5
"""... and at least this many times."""


@dataclass(frozen=True)
class Preset:
    """What one --effort asks for; times in s."""

    name: str
    processes: int
    """Before the first look at the precision; looks at fewer would stop on luck."""
    min_processes: int
    """As few as a slow model may get: three still say something about one another."""
    max_processes: int
    warmup_s: float
    measure_s: float
    """In a process, of each loop, until the measured variances say what is best."""
    min_blocks: int
    """In a process, of each loop, whatever they take."""
    total_seconds: float
    precision: Optional[float]
    """Relative half-width of the headline's interval; None: stop after `processes`."""
    bounded: Optional[float]
    """Quantile whose interval must be bounded, over all processes."""

    @property
    def tail_samples(self) -> int:
        """Samples that each process owes to the bounded quantile, 0 where none is asked for."""
        if self.bounded is None:
            return 0
        return math.ceil(samples_needed(self.bounded) / self.processes)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("quick", 6, 3, 6, 0.25, 0.5, 5, 5.0, None, None),
            Preset("standard", 12, 3, 40, 0.25, 0.5, 5, 60.0, 0.01, None),
            Preset("rigorous", 20, 3, 60, 0.25, 0.5, 5, 600.0, 0.005, 0.99),
        )
    }
)
"""The efforts by name.

Twelve processes before the first look and Hall's term in the interval keep its coverage where
measuring stops on precision; benchmarks/interval_coverage.py simulates this very rule.
"""


def process_stop_reason(
    blocks: Blocks, preset: Preset, *, measure_s: float, remaining_s: float
) -> Optional[str]:
    """Return why a process has measured a loop for long enough, or None to go on.

    `remaining_s`: of the share of this process. Precision ends a run and not a process: more
    processes buy more than longer ones. A run with a bounded quantile needs its part of the
    samples from each process, unless a sample is a mean of runs, which has no tail.
    """
    if remaining_s <= 0.0:
        return TIME_BUDGET
    if len(blocks) < preset.min_blocks:
        return None
    # Stamps are contiguous, so durations are time.
    if sum(block.elapsed_ns for block in blocks) < measure_s * 1e9:
        return None
    singles = sum(block.ns.size for block in blocks)
    if singles < preset.tail_samples and all(block.runs_per_sample == 1 for block in blocks):
        return None
    return PLANNED


def run_stop_reason(
    medians: Sequence[QuantileEstimate],
    preset: Preset,
    *,
    max_processes: int,
    remaining_s: float,
    process_s: float,
    tail: Optional[QuantileEstimate] = None,
) -> Optional[str]:
    """Return why no further process is needed, or None to start one.

    `medians`: one for each process that measured something; `remaining_s`: of the whole run;
    `process_s`: what one more process would take; `tail`: the bounded quantile as far as it is
    known, where it can be. Nobody looks at the precision of fewer processes than the preset's,
    unless they are all that were asked for.
    """
    count = len(medians)
    if preset.precision is None and count >= min(preset.processes, max_processes):
        return TIME_BUDGET
    if count >= min(preset.processes, max_processes) and _is_precise(medians, preset, tail):
        return CONVERGED
    if count >= max_processes:
        return CAPACITY
    return TIME_BUDGET if remaining_s < process_s else None


def best_stretch_s(
    medians: Sequence[QuantileEstimate], measured_s: float, cost_s: float, preset: Preset
) -> float:
    """Return how long each further process should measure, from what the first ones showed.

    A process costs `cost_s` before it measures and `measured_s` is what each has measured so far.
    The variance of the headline after a given time, (B + V/t)(c + t), is least at t = sqrt(V c/B):
    Kalibera and Jones (2013), r_1 = sqrt((c_2/c_1) (T_1^2/T_2^2)), in seconds instead of runs.
    Where the first guess is precise enough already it stays, and where so few processes are run
    that unlike ones would not be worth as many.
    """
    parts = variance_components(medians)
    least, most = SHORTEST_STRETCH * preset.measure_s, LONGEST_STRETCH * preset.measure_s
    if parts is None or preset.precision is None:
        return preset.measure_s
    if parts.half_width(max(1.0, preset.processes / parts.processes)) <= preset.precision:
        return preset.measure_s
    if parts.between <= 0.0:
        return most if parts.within > 0.0 else preset.measure_s
    best_s = math.sqrt(parts.within * measured_s * cost_s / parts.between)
    return min(most, max(least, best_s))


def _is_precise(
    medians: Sequence[QuantileEstimate], preset: Preset, tail: Optional[QuantileEstimate]
) -> bool:
    half_width = headline(medians).half_width
    if half_width is None or preset.precision is None or half_width > preset.precision:
        return False
    return tail is None or tail.interval is not None
