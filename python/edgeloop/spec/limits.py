"""Which numbers of a RunSpec can be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgeloop.errors import UsageError, canonical, nearest

if TYPE_CHECKING:
    from edgeloop.spec.run import RunSpec

EFFORTS = ("quick", "standard", "rigorous")

# Which heat a number holds for: see measure.regime.
REGIMES = ("burst", "sustained")

# A microsecond between two runs is the shortest that a schedule can keep.
MOST_HZ = 1e6

# Loops that C++ drives: only there a run can start at the microsecond it is due.
SCHEDULED_LOOPS = ("native", "callable")

_MOST_TIMEOUT_S = 365 * 86400

# TFLite counts a dimension in 32 bits.
_MOST_DIM = 2**31 - 1

# Option → its least and its greatest value; above that is a slip of the finger, and would take the
# machine's memory or years.
_LIMITS: Mapping[str, tuple[int, int]] = {
    "threads": (1, 1024),
    "batch_size": (1, _MOST_DIM),
    "instances": (1, 1024),
    "runs": (1, 10**12),
    "warmup": (0, 10**12),
    "processes": (1, 1000),
    "seed": (0, 2**64 - 1),
}


def require_sound_numbers(spec: RunSpec) -> None:
    """Raise UsageError for a number that cannot be meant."""
    for name, (least, most) in _LIMITS.items():
        value = getattr(spec, name)
        if value is None or (_is_whole(value) and least <= value <= most):
            continue
        bound = f"at most {most}" if _is_whole(value) and value > most else f"at least {least}"
        option = name.replace("_", "-")
        raise UsageError(f"--{option} must be a whole number of {bound}, not {value!r}")
    if not spec.timeout_s > 0:
        raise UsageError(f"--timeout must be more than 0 s, not {spec.timeout_s:g}")
    if spec.timeout_s > _MOST_TIMEOUT_S:
        raise UsageError(
            f"--timeout must be at most {_MOST_TIMEOUT_S} s, a year, not {spec.timeout_s:g}"
        )
    if spec.budget_s is not None and not spec.budget_s > 0:
        raise UsageError(f"--budget must be more than 0 s, not {spec.budget_s:g}")
    _require_sound_surroundings(spec)
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
        if max(shape) > _MOST_DIM:
            raise UsageError(
                f"the shape of input '{name}' must be whole numbers of at most {_MOST_DIM}, "
                f"not {shape!r}"
            )


def _require_sound_surroundings(spec: RunSpec) -> None:
    if spec.regime is not None and spec.regime not in REGIMES:
        raise UsageError(f"no regime is called '{spec.regime}'; {nearest(spec.regime, REGIMES)}")
    if spec.peak_gflops is not None and not spec.peak_gflops > 0:
        raise UsageError(f"--peak-gflops must be more than 0, not {spec.peak_gflops:g}")


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
