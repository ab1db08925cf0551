"""The statistics of `edgeloop help method`, written anew with numpy alone, for recompute.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bounds = Optional[tuple[float, float]]

Z = 1.959963984540054


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised, by Lentz's continued fraction (Numerical Recipes 6.4)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        step = 1.0
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            value *= c * d
            step = c * d
        if abs(step - 1.0) < 1e-15:
            break
    return front * value


def root(function: Any, low: float, high: float) -> float:
    """Return where a rising function is 0, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def student(degrees: float) -> float:
    """Return the two-sided 95 % factor of Student's t."""
    tail = 0.05
    return root(
        lambda t: tail - incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)), 0, 1e4
    )


def binomial_point(probability: float, n: float, p: float) -> float:
    """Return where the binomial distribution, continued between whole numbers, reaches it."""
    return root(lambda k: incomplete_beta(n - k, k + 1.0, 1.0 - p) - probability, 0.0, n)


def effective(series: Sequence[Array], p: float) -> float:
    """Return the effective samples for a quantile: long-run variance of x <= q, Geyer's cut."""
    total = sum(x.size for x in series)
    levels, tail = [p], min(p, 1.0 - p)
    if tail < 0.5 and round(total * tail / 2.0, 6) >= 25:
        levels.append(tail / 2 if p < 0.5 else 1 - tail / 2)
    while total * tail < 50 and tail < 0.5:
        tail = min(2 * tail, 0.5)
        levels.append(tail if p < 0.5 else 1 - tail)
    return total / max(_inflation(series, level) for level in levels)


def _inflation(series: Sequence[Array], level: float) -> float:
    indicators = []
    for x in series:
        at = np.sort(x)[max(0, math.ceil(level * x.size - 1e-9) - 1)]
        below, tied = np.count_nonzero(x < at), np.count_nonzero(x == at)
        part = (level * x.size - below) / tied
        indicators.append((x < at) + part * (x == at) - level)
    total, longest = sum(x.size for x in series), max(x.size for x in series)
    variance = sum(float(np.sum(y**2)) for y in indicators) / total
    if variance <= 0.0 or longest < 2:
        return 1.0
    centred = [y - y.mean() for y in indicators]

    def covariance(lag: int) -> float:
        return (
            sum(float(np.dot(y[: y.size - lag], y[lag:])) for y in centred if y.size > lag) / total
        )

    gamma0, pairs, lag = covariance(0), [], 0
    while lag + 1 < longest:
        pairs.append(covariance(lag) + covariance(lag + 1))
        if pairs[-1] <= 0.0:
            pairs.pop()
            break
        lag += 2
    long_run = 2.0 * sum(pairs) - gamma0
    if len(pairs) > 1:
        long_run /= max(0.1, 1.0 - (4 * len(pairs) - 1) / (total / len(series)))
    return max(1.0, long_run / variance)


def ordered(x: Array, p: float, n_eff: float) -> Bounds:
    """Return the pair of order statistics of the effective samples."""
    worth = min(float(x.size), n_eff)
    if (1 - p) ** worth > 0.025 or p**worth > 0.025:
        return None
    stretch = x.size / worth
    low = math.floor(binomial_point(0.025, worth, p) * stretch + 1e-9) + 1
    high = math.ceil((binomial_point(0.975, worth, p) + 1) * stretch - 1e-6)
    values = np.sort(x)
    return float(values[low - 1]), float(values[min(high, x.size) - 1])


def scatter_of(x: Array, p: float) -> tuple[Bounds, float]:
    """Return the interval of one process by itself, and its factor of the standard error."""
    if p != 0.5 and x.size * min(p, 1 - p) < 25 - 1e-6:
        return None, Z
    first = ordered(x, p, effective([x], p))
    count, value = min(10, x.size), float(np.quantile(x, p))
    if count < 3 or value <= 0:
        return first, Z
    stretch = x.size // count
    parts = np.array(
        [np.quantile(x[x.size - k * stretch :][:stretch], p) for k in range(1, count + 1)]
    )
    if parts.min() <= 0:
        return first, Z
    half = student(count - 1) * np.log(parts).std(ddof=1) / math.sqrt(count)
    second = (value * math.exp(-half), value * math.exp(half))
    if first is None or second[1] - second[0] > first[1] - first[0]:
        return second, student(count - 1)
    return first, Z


def between(values: Sequence[float]) -> Bounds:
    """Return Student's interval over processes, with Hall's term on the side of the skew."""
    n = len(values)
    if n < 3 or min(values) <= 0:
        return None
    y = np.log(values)
    error = y.std(ddof=1) / math.sqrt(n)
    d = y - y.mean()
    skew = 0.0
    if y.std(ddof=1) > 1e-12:
        skew = float(np.mean(d**3) / np.mean(d**2) ** 1.5) * math.sqrt(n * (n - 1)) / (n - 2)
    reach = (2 * Z**2 + 1) / 6 * (1 + 8 / n) * skew * error / math.sqrt(n)
    half = student(n - 1) * error
    low, high = y.mean() - half + min(0.0, reach), y.mean() + half + max(0.0, reach)
    return math.exp(low), math.exp(high)


def within(processes: Sequence[Array]) -> Bounds:
    """Return what the scatter in each process says of the geometric mean of the medians."""
    found = [scatter_of(x, 0.5) for x in processes]
    if len(found) == 1 or any(bounds is None for bounds, _ in found):
        return found[0][0] if len(found) == 1 else None
    centres, squares = [], np.zeros(2)
    for x, (bounds, factor) in zip(processes, found):
        assert bounds is not None
        centre = math.log(float(np.median(x)))
        centres.append(centre)
        squares += np.square((np.log(bounds) - centre) / factor)
    below, above = Z * np.sqrt(squares) / len(found)
    return math.exp(np.mean(centres) - below), math.exp(np.mean(centres) + above)


def tail_bounds(processes: Sequence[Array], p: float, middle: Bounds) -> Bounds:
    """Return the interval of a tail over all processes."""
    pooled = np.concatenate(processes)
    if len(processes) < 5 or pooled.size * min(p, 1 - p) < 25 - 1e-6:
        return None
    value = float(np.quantile(pooled, p))
    low, high = ordered(pooled, p, effective(processes, p)) or (value, value)
    own = np.array([float(np.quantile(x, p)) for x in processes])
    if own.min() > 0:
        beyond = np.array([np.sum(x > value) if p >= 0.5 else np.sum(x < value) for x in processes])
        share = beyond / beyond.sum() if beyond.any() else np.full(own.size, 1 / own.size)
        half = student(own.size - 1) * np.log(own).std(ddof=1) * math.sqrt(np.sum(share**2))
        low, high = min(low, value * math.exp(-half)), max(high, value * math.exp(half))
    least, most = float(pooled.min()), float(pooled.max())
    if middle is not None:
        least, most = (max(least, middle[0]), most) if p > 0.5 else (least, min(most, middle[1]))
    return min(value, max(low, least)), max(value, min(high, most))


def students(values: Sequence[float], first_stage: int = 0) -> Bounds:
    """Return Student's interval of a mean, or Stein's after a first stage where that is wider."""
    n = len(values)
    if n < 3:
        return None
    half = student(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    if 3 <= first_stage < n:
        scatter = float(np.std(values[:first_stage], ddof=1))
        half = max(half, student(first_stage - 1) * scatter / math.sqrt(n))
    centre = float(np.mean(values))
    return centre - half, centre + half


def moved(bounds: Bounds, function: Any) -> Bounds:
    return None if bounds is None else (function(bounds[0]), function(bounds[1]))


def welch(a: Array, b: Array) -> Bounds:
    """Return Welch's interval of the difference of two means."""
    if min(a.size, b.size) < 3:
        return None
    parts = [x.var(ddof=1) / x.size for x in (a, b)]
    freedom = sum(parts) ** 2 / sum(v**2 / (x.size - 1) for v, x in zip(parts, (a, b)))
    half = student(freedom) * math.sqrt(sum(parts))
    centre = float(b.mean() - a.mean())
    return centre - half, centre + half
