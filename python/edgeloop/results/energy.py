"""The energy of one inference, from the power that was read while blocks ran.

Energy of a run = mean power x time of a run. Power is read about once a second, so it is that of
the measuring as a whole: the pauses between blocks, a few per cent of the time, are in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.host.power.meter import MeterDescription

Interval = tuple[float, float]

_CONFIDENCE = 0.95

# Fewer readings say nothing of how much the power varies.
FEWEST_READINGS = 3


@dataclass(frozen=True)
class ProcessPower:
    """What was read while one process measured."""

    power_w: Sequence[float]
    """Readings in order of time."""
    runs: int
    busy_s: float
    """Time inside the blocks of these runs."""


def energy(
    processes: Sequence[ProcessPower],
    idle_w: Sequence[float],
    meter: Optional[MeterDescription],
    reason: str,
) -> dict[str, Any]:
    """Return `energy` of a result; null figures have their reason.

    `idle_w` was read before the first process started; `reason` says why there is no meter.
    """
    if meter is None:
        return reasoned("energy", None, reason)
    readings = [power_w for process in processes for power_w in process.power_w]
    if len(readings) < FEWEST_READINGS:
        words = f"{len(readings)} readings of the power; {FEWEST_READINGS} are the fewest"
        return reasoned("energy", None, f"{words}: measure longer")
    used = [process for process in processes if process.power_w and process.runs]
    each_j = [float(np.mean(p.power_w)) * p.busy_s / p.runs for p in used]
    power_w = float(np.mean(readings))
    energy_j = float(np.mean(each_j))
    # Several processes are repetitions; within one, readings are all there is.
    share = _relative_half_width(each_j if len(each_j) >= FEWEST_READINGS else readings)
    run_s = sum(process.busy_s for process in used) / sum(process.runs for process in used)
    no_idle = f"{len(idle_w)} readings before the first process; {FEWEST_READINGS} are the fewest"
    return {
        "energy": {
            "meter": asdict(meter),
            "readings": len(readings),
            "processes": len(used),
            "power_w": power_w,
            "power_ci95_w": _interval(power_w, _relative_half_width(readings)),
            "energy_per_run_j": energy_j,
            "energy_per_run_ci95_j": _interval(energy_j, share),
            "runs_per_j": 1.0 / energy_j if energy_j > 0 else None,
            **(_above_idle(readings, idle_w, run_s) or reasoned("idle_w", None, no_idle)),
        }
    }


def _above_idle(
    readings: Sequence[float], idle_w: Sequence[float], run_s: float
) -> Optional[dict[str, Any]]:
    """Return the baseline and what a run takes above it; None with too few readings of it."""
    if len(idle_w) < FEWEST_READINGS:
        return None
    busy, base = float(np.mean(readings)), float(np.mean(idle_w))
    busy_half_w = busy * _relative_half_width(readings)
    base_half_w = base * _relative_half_width(idle_w)
    above_j, half_j = (busy - base) * run_s, math.hypot(busy_half_w, base_half_w) * run_s
    return {
        "idle_w": base,
        "idle_ci95_w": [base - base_half_w, base + base_half_w],
        "above_idle_per_run_j": above_j,
        "above_idle_per_run_ci95_j": [above_j - half_j, above_j + half_j],
    }


def _interval(value: float, share: float) -> list[float]:
    return [value * (1.0 - share), value * (1.0 + share)]


def _relative_half_width(values: Sequence[float]) -> float:
    """Return the half-width of Student's interval of the mean as a share of it."""
    from scipy.stats import t

    mean = float(np.mean(values))
    if mean <= 0:
        return 0.0
    factor = float(t.ppf(0.5 + _CONFIDENCE / 2, len(values) - 1))
    return factor * float(np.std(values, ddof=1)) / math.sqrt(len(values)) / mean
