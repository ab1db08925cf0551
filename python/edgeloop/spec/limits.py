"""Which numbers of a RunSpec can be meant."""

from __future__ import annotations

from typing import Any

from edgeloop.errors import UsageError, canonical
from edgeloop.spec.option import require_bounds
from edgeloop.spec.run import MOST_DIM, RunSpec

# A microsecond between two runs is the shortest that a schedule can keep.
MOST_HZ = 1e6

# Loops that C++ drives: only there a run can start at the microsecond it is due.
SCHEDULED_LOOPS = ("native", "callable")

_MOST_TIMEOUT_S = 365 * 86400


def require_sound_numbers(spec: RunSpec) -> None:
    """Raise UsageError for a number that cannot be meant."""
    require_bounds(spec)
    if not spec.timeout_s > 0:
        raise UsageError(f"--timeout must be more than 0 s, not {spec.timeout_s:g}")
    if spec.timeout_s > _MOST_TIMEOUT_S:
        raise UsageError(
            f"--timeout must be at most {_MOST_TIMEOUT_S} s, a year, not {spec.timeout_s:g}"
        )
    if spec.budget_s is not None and not spec.budget_s > 0:
        raise UsageError(f"--budget must be more than 0 s, not {spec.budget_s:g}")
    if spec.peak_gflops is not None and not spec.peak_gflops > 0:
        raise UsageError(f"--peak-gflops must be more than 0, not {spec.peak_gflops:g}")
    if spec.warmup is not None and spec.runs is None:
        raise UsageError("--warmup is the fixed count's: give --runs too, or neither")
    for percentile in spec.percentiles:
        if not 0 < percentile < 100:
            raise UsageError(f"a percentile lies between 0 and 100, not {percentile:g}")
    for name, shape in spec.shapes.items():
        if not shape or not all(_is_whole(dim) and dim > 0 for dim in shape):
            raise UsageError(
                f"the shape of input '{name}' must be whole numbers of at least 1, not {shape!r}"
            )
        if max(shape) > MOST_DIM:
            raise UsageError(
                f"the shape of input '{name}' must be whole numbers of at most {MOST_DIM}, "
                f"not {shape!r}"
            )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def require_schedulable(spec: RunSpec, rate_hz: float, command: str) -> None:
    """Raise UsageError where runs cannot be due at a fixed rate."""
    if not 0 < rate_hz <= MOST_HZ:
        raise UsageError(f"--rate must be more than 0 and at most {MOST_HZ:g} Hz")
    if command != "bench" or spec.runs is not None:
        raise UsageError("--rate is for bench without --runs: it measures until the time is over")
    loops = [canonical(loop) for loop in spec.loops]
    if len(loops) > 1 or any(loop not in SCHEDULED_LOOPS for loop in loops):
        raise UsageError(f"--rate takes one loop, {' or '.join(SCHEDULED_LOOPS)}")
