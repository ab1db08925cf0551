"""How far single runs scatter: extremes, deviation and the two robust measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


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
