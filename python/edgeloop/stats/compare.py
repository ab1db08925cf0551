"""Two configurations against each other: ratio, interval, verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.location import process_centres, student, welch
from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.stats.quantile import CONFIDENCE, Interval
from edgeloop.stats.verdict import DELTA, FASTER, INCONCLUSIVE, SLOWER, judge

NOT_INTERLEAVED = "not interleaved: whatever changed between the two measurements is in the ratio"


@dataclass(frozen=True)
class Comparison:
    """B against A. Ratios are the time of B over the time of A: below 1, B is faster."""

    ratio: float
    ratio_ci95: Optional[Interval]
    """None below three processes of either side."""
    p_value: Optional[float]
    """Of the hypothesis that the ratio is 1."""
    verdict: str
    reason: str
    settle: Optional[str]
    delta: float
    paired: bool
    count: int
    """Processes of a side; where unpaired, the smaller number of them."""
    pairs: Optional[int]
    """Pairs of blocks in all processes; None where unpaired."""
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
    processes: int
    reason: Optional[str] = None
    """Why there are no intervals."""


def compare_paired(
    a_ns: npt.ArrayLike,
    b_ns: npt.ArrayLike,
    *,
    processes: Sequence[int],
    first_stage: Optional[int] = None,
    delta: float = DELTA,
    mismatches: Sequence[str] = (),
) -> Comparison:
    """Compare the medians of blocks that were measured in pairs, in random order in each pair.

    `a_ns`, `b_ns`: one positive median per pair, in the order of measurement. `processes`: for each
    pair which workers it ran in. `first_stage`: see `student`. A process's ratio is the median of
    those of its pairs; Student's interval is over the processes.
    """
    a, b = _pairs(a_ns, b_ns)
    centres = process_centres(np.log(b) - np.log(a), processes)
    found = student(centres, first_stage)
    verdict = judge(found, delta, mismatches)
    return Comparison(
        ratio=math.exp(float(centres.mean())),
        ratio_ci95=_ratio_interval(None if found is None else found.interval()),
        p_value=None if found is None else found.p_value(),
        verdict=verdict.word,
        reason=verdict.reason,
        settle=verdict.settle,
        delta=delta,
        paired=True,
        count=centres.size,
        pairs=a.size,
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
        p_value=None if found is None else found.p_value(),
        verdict=verdict.word,
        reason=verdict.reason,
        settle=verdict.settle,
        delta=delta,
        paired=False,
        count=min(a.size, b.size),
        pairs=None,
        warnings=(NOT_INTERLEAVED,),
    )


def difference(a_ns: npt.ArrayLike, b_ns: npt.ArrayLike, processes: Sequence[int]) -> Difference:
    """Return what B takes beyond A in ns and as a share of A, from interleaved pairs of medians.

    By the median of the pairs of each process, and Student's interval over the processes.
    """
    a, b = _pairs(a_ns, b_ns)
    differences_ns = process_centres(b - a, processes)
    ratios = process_centres(np.log(b) - np.log(a), processes)
    absolute, relative = student(differences_ns), student(ratios)
    reason = None
    if absolute is None:
        reason = f"not enough processes (need {FEWEST_PROCESSES}, have {ratios.size})"
    share_ci95 = _ratio_interval(None if relative is None else relative.interval())
    return Difference(
        ns=float(differences_ns.mean()),
        ns_ci95=None if absolute is None else absolute.interval(),
        share=math.expm1(float(ratios.mean())),
        share_ci95=None if share_ci95 is None else (share_ci95[0] - 1.0, share_ci95[1] - 1.0),
        pairs=a.size,
        processes=ratios.size,
        reason=reason,
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
        raise ValueError(f"{a.size} medians of A and {b.size} of B: pairs need equal numbers")
    return a, b


def _positive(medians_ns: npt.ArrayLike) -> npt.NDArray[np.float64]:
    medians = np.asarray(medians_ns, dtype=np.float64)
    if medians.ndim != 1 or medians.size == 0:
        raise ValueError("no medians: nothing was measured")
    if not medians.min() > 0.0:
        raise ValueError("a block took 0 ns: the timer is too coarse for one run a sample")
    return medians


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted so that one false alarm in the family stays at the level.

    Holm (1979): the k-th smallest of m is multiplied by m - k + 1, then made monotone.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    steps = p[order] * np.arange(p.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in adjusted]
