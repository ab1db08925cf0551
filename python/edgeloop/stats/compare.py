"""Two configurations against each other: ratio, interval, verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.hodges_lehmann import pseudo_median, pseudo_median_interval, shift
from edgeloop.stats.holm import holm
from edgeloop.stats.location import PROCESSES, by_session, location, welch
from edgeloop.stats.quantile import CONFIDENCE, Interval
from edgeloop.stats.verdict import DELTA, FASTER, INCONCLUSIVE, SLOWER, judge

NOT_INTERLEAVED = "not interleaved: whatever changed between the two measurements is in the ratio"


@dataclass(frozen=True)
class Comparison:
    """B against A. Ratios are the time of B over the time of A: below 1, B is faster."""

    ratio: float
    ratio_ci95: Optional[Interval]
    hodges_lehmann: float
    """The same ratio by an estimate that no single odd pair, or session, can move."""
    hodges_lehmann_ci95: Optional[Interval]
    """None with fewer than six pairs or sessions, or where unpaired."""
    p_value: Optional[float]
    """Of the hypothesis that the ratio is 1."""
    verdict: str
    reason: str
    settle: Optional[str]
    delta: float
    paired: bool
    count: int
    """Pairs, or the smaller number of processes."""
    warnings: tuple[str, ...] = ()

    @property
    def half_width(self) -> Optional[float]:
        """Half the width of the ratio's interval, relative to the ratio."""
        if self.ratio_ci95 is None:
            return None
        return (self.ratio_ci95[1] - self.ratio_ci95[0]) / (2.0 * self.ratio)


@dataclass(frozen=True)
class Difference:
    """What B takes beyond A, per run; negative where B is faster."""

    ns: float
    ns_ci95: Optional[Interval]
    share: float
    """Of the time of A."""
    share_ci95: Optional[Interval]
    pairs: int
    reason: Optional[str] = None
    """Why there are no intervals."""


def compare_paired(
    a_ns: npt.ArrayLike,
    b_ns: npt.ArrayLike,
    *,
    sessions: Optional[Sequence[int]] = None,
    delta: float = DELTA,
    mismatches: Sequence[str] = (),
) -> Comparison:
    """Compare the medians of blocks that were measured in pairs, in random order in each pair.

    `a_ns`, `b_ns`: one positive median per pair, in the order of measurement. `sessions`: for each
    pair which processes it ran in, where there were several. The random order is what makes
    Student's interval hold under drift and under correlation from block to block: whichever way
    neighbours pull, they pull either side as often.
    """
    a, b = _pairs(a_ns, b_ns)
    differences = np.log(b) - np.log(a)
    found = location(differences, sessions)
    centre = float(differences.mean()) if found is None else found.centre
    verdict = judge(found, delta, mismatches)
    units = differences
    if found is not None and found.unit == PROCESSES:
        units = np.array([values.mean() for values in by_session(differences, sessions)])
    return Comparison(
        ratio=math.exp(centre),
        ratio_ci95=_ratio_interval(None if found is None else found.interval()),
        hodges_lehmann=math.exp(pseudo_median(units)),
        hodges_lehmann_ci95=_ratio_interval(pseudo_median_interval(units, CONFIDENCE)),
        p_value=None if found is None else found.p_value(),
        verdict=verdict.word,
        reason=verdict.reason,
        settle=verdict.settle,
        delta=delta,
        paired=True,
        count=a.size,
    )


def compare_unpaired(
    a_ns: npt.ArrayLike,
    b_ns: npt.ArrayLike,
    *,
    delta: float = DELTA,
    mismatches: Sequence[str] = (),
) -> Comparison:
    """Compare the process medians of two results that were not measured together.

    `a_ns`, `b_ns`: one positive median per process, any number of each. Welch's interval on their
    logarithms; the warning that they were not interleaved is part of the comparison.
    """
    a, b = np.log(_positive(a_ns)), np.log(_positive(b_ns))
    found = welch(a, b)
    verdict = judge(found, delta, mismatches)
    return Comparison(
        ratio=math.exp(float(b.mean() - a.mean())),
        ratio_ci95=_ratio_interval(None if found is None else found.interval()),
        hodges_lehmann=math.exp(shift(a, b)),
        hodges_lehmann_ci95=None,
        p_value=None if found is None else found.p_value(),
        verdict=verdict.word,
        reason=verdict.reason,
        settle=verdict.settle,
        delta=delta,
        paired=False,
        count=min(a.size, b.size),
        warnings=(NOT_INTERLEAVED,),
    )


def difference(
    a_ns: npt.ArrayLike, b_ns: npt.ArrayLike, *, sessions: Optional[Sequence[int]] = None
) -> Difference:
    """Return what B takes beyond A in ns and as a share of A, from interleaved pairs of medians."""
    a, b = _pairs(a_ns, b_ns)
    absolute = location(b - a, sessions)
    relative = location(np.log(b) - np.log(a), sessions)
    if absolute is None or relative is None:
        share = math.exp(float(np.mean(np.log(b) - np.log(a)))) - 1.0
        reason = f"not enough pairs for an interval (have {a.size})"
        return Difference(float(np.mean(b - a)), None, share, None, a.size, reason)
    low, high = relative.interval()
    return Difference(
        ns=absolute.centre,
        ns_ci95=absolute.interval(),
        share=math.expm1(relative.centre),
        share_ci95=(math.expm1(low), math.expm1(high)),
        pairs=a.size,
    )


def correct_for_many(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons made together, p values adjusted by Holm.

    A faster or slower that does not survive becomes inconclusive.
    """
    known = [i for i, one in enumerate(comparisons) if one.p_value is not None]
    adjusted = holm([one.p_value for one in comparisons if one.p_value is not None])
    corrected = list(comparisons)
    for index, p_value in zip(known, adjusted):
        one = replace(corrected[index], p_value=p_value)
        if one.verdict in (FASTER, SLOWER) and p_value > 1.0 - CONFIDENCE:
            reason = f"{one.reason}, but not after correction for {len(known)} comparisons"
            one = replace(one, verdict=INCONCLUSIVE, reason=reason)
        corrected[index] = one
    return corrected


def _ratio_interval(log_ratio: Optional[Interval]) -> Optional[Interval]:
    return None if log_ratio is None else (math.exp(log_ratio[0]), math.exp(log_ratio[1]))


def _pairs(
    a_ns: npt.ArrayLike, b_ns: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    a, b = _positive(a_ns), _positive(b_ns)
    if a.size != b.size:
        raise ValueError(f"{a.size} medians of A and {b.size} of B: pairs need as many of each")
    return a, b


def _positive(medians_ns: npt.ArrayLike) -> npt.NDArray[np.float64]:
    medians = np.asarray(medians_ns, dtype=np.float64)
    if medians.ndim != 1 or medians.size == 0:
        raise ValueError("no medians: nothing was measured")
    if not medians.min() > 0.0:
        raise ValueError("a block took 0 ns: the timer is too coarse for one run a sample")
    return medians
