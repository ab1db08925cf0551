"""The energy of one inference, from the power that was read while blocks ran.

Energy of a run = mean power x time of a run. Power is read about once a second, so it is that of
the measuring as a whole: the pauses between blocks, a few per cent of the time, are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.host.power.meter import MeterDescription
from edgeloop.stats.location import student
from edgeloop.stats.processes import FEWEST_PROCESSES

# Fewer readings do not make a mean.
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
    power_w = [float(np.mean(process.power_w)) for process in used]
    run_s = [process.busy_s / process.runs for process in used]
    each_j = [watts * seconds for watts, seconds in zip(power_w, run_s)]
    energy_j = float(np.mean(each_j))
    return {
        "energy": {
            "meter": asdict(meter),
            "readings": len(readings),
            "processes": len(used),
            "power_w": float(np.mean(power_w)),
            **_between("power_ci95_w", power_w),
            "energy_per_run_j": energy_j,
            **_between("energy_per_run_ci95_j", each_j),
            "runs_per_j": 1.0 / energy_j if energy_j > 0 else None,
            **_above_idle(power_w, run_s, idle_w),
        }
    }


def _above_idle(
    power_w: Sequence[float], run_s: Sequence[float], idle_w: Sequence[float]
) -> dict[str, Any]:
    """Return the baseline and what a run takes above it, from the power of each process.

    The baseline is one stretch before the first process: nothing tells how it would repeat, so
    the interval is that of the processes, above this very baseline.
    """
    if len(idle_w) < FEWEST_READINGS:
        words = f"{len(idle_w)} readings before the first process; {FEWEST_READINGS} are the fewest"
        return reasoned("idle_w", None, words)
    base_w = float(np.mean(idle_w))
    above_j = [(watts - base_w) * seconds for watts, seconds in zip(power_w, run_s)]
    return {
        "idle_w": base_w,
        "above_idle_per_run_j": float(np.mean(above_j)),
        **_between("above_idle_per_run_ci95_j", above_j),
    }


def _between(name: str, values: Sequence[float]) -> dict[str, Any]:
    """Return Student's interval between the processes.

    Readings of one process follow one another and share its heat: their number says nothing.
    """
    found = student(np.array(values))
    words = f"not enough processes with readings (need {FEWEST_PROCESSES}, have {len(values)})"
    return reasoned(name, None if found is None else list(found.interval()), words)
