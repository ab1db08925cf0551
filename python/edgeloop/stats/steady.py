"""Did the latency settle? Change points of the block medians and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

FLAT = "flat"
WARM_UP = "warm-up"
SLOW_DOWN = "slow-down"
DRIFT = "drift"
NO_STEADY_STATE = "no steady state"

MOST_BLOCKS = 200
"""Blocks that enter the search, whose cost grows with the square; more are joined by medians."""

SHORTEST_SEGMENT = 3
"""Blocks in a segment: one or two slow blocks are noise, not a state."""

PENALTY = 6.0
"""Price of a change point in units of ln(blocks) and of the noise variance.

With 6 none is found in 200 of 200 flat series, and a 25 % step in 200 of 200 (method 2.3).
"""

LEAST_DIFFERENCE = 0.01
"""Relative difference below which neighbouring segments are one: the 1 % of every verdict."""

LEAST_NOISE = 0.001
"""Relative noise assumed at least, a tenth of LEAST_DIFFERENCE.

A coarse clock can give equal medians and thus no noise at all, against which a tick is a step.
"""

MOST_CORRELATION = 0.9
"""Correlation of neighbouring blocks allowed for at most; beyond, a trend looks the same."""

STEADY_SHARE = 0.5
"""Share of the blocks that the last segment needs to be the steady state after a warm-up."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class Segment:
    """Blocks `start` to `stop` (excluded) at one level."""

    start: int
    stop: int
    median: float


@dataclass(frozen=True)
class SteadyState:
    """The class of a series of blocks, and the blocks that carry the headline."""

    kind: Optional[str]
    segments: tuple[Segment, ...]
    used: Segment
    """The last segment after a warm-up, else everything."""
    least_difference: float
    """Relative difference that neighbouring segments have at least."""
    reason: Optional[str] = None
    """Why there is no class, or what the class means for the headline."""


def classify(block_medians: Sequence[float]) -> SteadyState:
    """Split block medians into segments and name what they show.

    flat: one level. warm-up: the last level is the fastest and holds at least half of the blocks.
    slow-down: the last level is slower than the one before it, and no other step goes up.
    drift: three or more levels, each slower, or each faster, than the one before. Anything else
    has no steady state. Too few blocks to decide, or a median of 0, give no class and the reason.
    Raises ValueError without blocks.
    """
    medians = np.asarray(block_medians, dtype=np.float64)
    if medians.ndim != 1 or medians.size == 0:
        raise ValueError("no block medians: need at least one")
    whole = Segment(0, medians.size, float(np.median(medians)))
    reason = _undecidable(medians)
    if reason is not None:
        return SteadyState(None, (whole,), whole, LEAST_DIFFERENCE, reason)
    group = math.ceil(medians.size / MOST_BLOCKS)
    joined = np.array([np.median(medians[i : i + group]) for i in range(0, medians.size, group)])
    noise, long_run_noise = _relative_noise(joined)
    least_difference = max(LEAST_DIFFERENCE, 2.0 * noise / MAD_TO_SIGMA)
    scaled = joined / (float(np.median(joined)) * max(long_run_noise, LEAST_NOISE))
    starts = partition(scaled, PENALTY * math.log(joined.size), SHORTEST_SEGMENT)
    segments = merged(medians, [start * group for start in starts], least_difference)
    kind = _kind(segments)
    used = segments[-1] if kind == WARM_UP else whole
    return SteadyState(kind, segments, used, least_difference, _meaning(kind, segments))


def partition(y: npt.NDArray[Any], penalty: float, shortest: int) -> list[int]:
    """Return where the segments start that minimise the squared error plus penalty per change.

    The exact optimum, by dynamic programming over the last change point: O(n^2), one row of
    candidates at a time (Jackson et al. 2005, optimal partitioning).
    """
    n = y.size
    sums = np.concatenate(([0.0], np.cumsum(y - y.mean())))
    squares = np.concatenate(([0.0], np.cumsum(np.square(y - y.mean()))))
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    last = np.zeros(n + 1, dtype=np.intp)
    for stop in range(shortest, n + 1):
        start = np.arange(0, stop - shortest + 1)
        error = squares[stop] - squares[start]
        error -= np.square(sums[stop] - sums[start]) / (stop - start)
        cost = best[start] + error + penalty
        last[stop] = int(np.argmin(cost))
        best[stop] = cost[last[stop]]
    starts: list[int] = []
    stop = n
    while stop > 0:
        stop = int(last[stop])
        starts.insert(0, stop)
    return starts


def _undecidable(medians: npt.NDArray[Any]) -> Optional[str]:
    if medians.size < 2 * SHORTEST_SEGMENT:
        return f"not enough blocks (need {2 * SHORTEST_SEGMENT}, have {medians.size})"
    if medians.min() <= 0.0:
        return "a block has a median of 0 ns: the timer is too coarse"
    return None


def _relative_noise(medians: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the relative standard deviation of the noise, and that of its long-run part.

    From the differences of neighbours: a step touches one of them and a slow trend none to speak
    of. Blocks of a single run may be correlated; the differences over two blocks then show by how
    much, rho = (MAD_2 / MAD_1)^2 - 1 (Chakar et al. 2017, robust change points in AR(1) noise),
    and waves of such noise are not taken for levels.
    """
    one, two = (_deviation(medians[lag:] - medians[:-lag]) for lag in (1, 2))
    noise = one / math.sqrt(2.0) / float(np.median(medians))
    if one <= 0.0:
        return 0.0, 0.0
    rho = min(max(0.0, (two / one) ** 2 - 1.0), MOST_CORRELATION)
    # Neighbours that resemble each other differ by less than the noise: sigma^2 (1 - rho) each.
    return noise, noise / (1.0 - rho) * math.sqrt(1.0 + rho)


def _deviation(differences: npt.NDArray[Any]) -> float:
    middle = np.median(differences)
    return MAD_TO_SIGMA * float(np.median(np.abs(differences - middle)))


def merged(
    medians: npt.NDArray[Any], starts: Sequence[int], least_difference: float
) -> tuple[Segment, ...]:
    """Return segments, joining the two most alike neighbours until all differ enough."""
    edges = [*starts, medians.size]
    while True:
        segments = [Segment(a, b, float(np.median(medians[a:b]))) for a, b in zip(edges, edges[1:])]
        steps = [abs(math.log(b.median / a.median)) for a, b in zip(segments, segments[1:])]
        if not steps or min(steps) >= math.log1p(least_difference):
            return tuple(segments)
        del edges[int(np.argmin(steps)) + 1]


def _kind(segments: Sequence[Segment]) -> str:
    levels = [segment.median for segment in segments]
    rises = [b > a for a, b in zip(levels, levels[1:])]
    blocks = segments[-1].stop
    if not rises:
        return FLAT
    last = segments[-1]
    if last.median == min(levels) and last.stop - last.start >= STEADY_SHARE * blocks:
        return WARM_UP
    if len(levels) >= 3 and len(set(rises)) == 1:
        return DRIFT
    return SLOW_DOWN if rises[-1] and sum(rises) == 1 else NO_STEADY_STATE


def _meaning(kind: str, segments: Sequence[Segment]) -> Optional[str]:
    if kind == FLAT:
        return None
    if kind == WARM_UP:
        return f"the first {segments[-1].start} blocks were slower and are not in the headline"
    change = segments[-1].median / segments[0].median - 1.0
    levels = " → ".join(f"{s.median / segments[0].median:.3f}" for s in segments)
    return (
        f"from the first level to the last the latency changed by {100 * change:+.1f} %, "
        f"over {len(segments)} levels ({levels} of the first)"
    )
