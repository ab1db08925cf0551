"""When to stop: decided between blocks and between processes, on what has been measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Optional

from edgeloop.stats.pooled import pooled_quantile
from edgeloop.stats.processes import headline
from edgeloop.stats.quantile import independent_needed, quantile_interval, samples_needed
from edgeloop.stats.run_times import RunTimes, joined

CONVERGED = "converged"
TIME_BUDGET = "time_budget"
CAPACITY = "capacity"
FIXED_COUNT = "fixed_count"

Blocks = Sequence[RunTimes]
"""The blocks of one process in the order of measurement."""


@dataclass(frozen=True)
class Preset:
    """What one --effort asks for; times in s."""

    name: str
    processes: int
    min_processes: int
    """As few as a slow model may get: three still say something about one another."""
    max_processes: int
    min_seconds: float
    min_samples: int
    min_blocks: int
    warmup_s: float
    total_seconds: float
    precision: Optional[float]
    """Relative half-width of the median's interval; None: stop as soon as the minimum is met."""
    bounded: Optional[float]
    """Quantile whose interval must be bounded, over all processes."""


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("quick", 1, 1, 1, 1.0, 20, 1, 0.25, 5.0, None, None),
            Preset("standard", 5, 3, 10, 3.0, 20, 20, 1.0, 60.0, 0.01, None),
            Preset("rigorous", 10, 3, 20, 3.0, 20, 20, 1.0, 600.0, 0.005, 0.99),
        )
    }
)
"""The efforts by name."""


def process_stop_reason(
    blocks: Blocks,
    preset: Preset,
    *,
    remaining_s: Optional[float] = None,
    capacity: Optional[int] = None,
    fixed_samples: Optional[int] = None,
) -> Optional[str]:
    """Return why a process has measured enough, or None to go on.

    `remaining_s`: of the share of this process; `capacity`: samples that may be kept;
    `fixed_samples`: the count the user asked for, which no precision and no time cuts short.
    A run with a bounded quantile needs its part of the samples from each process, unless a sample
    is a mean of runs, which has no tail.
    """
    samples = sum(block.ns.size for block in blocks)
    if fixed_samples is not None and samples >= fixed_samples:
        return FIXED_COUNT
    full = capacity is not None and samples >= capacity
    if fixed_samples is not None:
        return CAPACITY if full else None
    if _minimum_met(blocks, samples, preset):
        if preset.precision is None:
            return TIME_BUDGET
        if _process_converged(blocks, preset):
            return CONVERGED
    if full:
        return CAPACITY
    return TIME_BUDGET if remaining_s is not None and remaining_s <= 0.0 else None


def run_stop_reason(
    processes: Sequence[Blocks],
    preset: Preset,
    *,
    max_processes: int,
    remaining_s: float,
    process_s: float,
) -> Optional[str]:
    """Return why no further process is needed, or None to start one.

    `remaining_s`: of the whole run; `process_s`: what one more process would take.
    """
    if preset.precision is None:
        return TIME_BUDGET
    arrays = [joined(blocks) for blocks in processes if blocks]
    half_width = None
    if arrays:
        half_width = headline([quantile_interval(x, 0.5) for x in arrays]).half_width
    precise = half_width is not None and half_width <= preset.precision
    if precise and preset.bounded is not None and _are_single(processes):
        precise = pooled_quantile(arrays, preset.bounded).interval is not None
    if precise:
        return CONVERGED
    if len(processes) >= max_processes:
        return CAPACITY
    return TIME_BUDGET if remaining_s < process_s else None


def _minimum_met(blocks: Blocks, samples: int, preset: Preset) -> bool:
    """Return whether there is enough to judge; stamps are contiguous, so durations are time."""
    if len(blocks) < preset.min_blocks or samples < preset.min_samples:
        return False
    return sum(block.elapsed_ns for block in blocks) >= preset.min_seconds * 1e9


def _are_single(processes: Iterable[Blocks]) -> bool:
    """Return whether every sample is a single run: only those have a tail."""
    return all(block.runs_per_sample == 1 for blocks in processes for block in blocks)


def _process_converged(blocks: Blocks, preset: Preset) -> bool:
    x = joined(blocks)
    median = quantile_interval(x, 0.5)
    if median.interval is None or median.value is None or preset.precision is None:
        return False
    low, high = median.interval
    if high - low > 2.0 * preset.precision * median.value:
        return False
    if preset.bounded is None or not _are_single([blocks]):
        return True
    tail = quantile_interval(x, preset.bounded)
    return tail.n * preset.processes >= samples_needed(
        preset.bounded
    ) and tail.n_eff * preset.processes >= independent_needed(preset.bounded)
