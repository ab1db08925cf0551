"""Every figure of a stored result once more, from its raw samples: numpy and none of edgeloop.

    python benchmarks/recompute.py RESULT...

Reads the file itself (JSON lines, zlib, base64), divides each block by its own runs per sample and
computes the latency figures of every loop by the formulas of `edgeloop help method`, written anew:
values, intervals between processes, the scatter within them, tails, levels, counts. Taken from the
file is only where the steady state of a process begins. Overhead, accuracy, energy and the regime
burst are not of this. Exits 1 where a figure differs by more than rounding.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bounds = Optional[tuple[float, float]]

Z = 1.959963984540054
ROUNDING = 1e-6
LONGEST = 1 << 17
"""Longer series are averaged over groups by edgeloop; here their scatter is left alone."""


@dataclass(frozen=True)
class Series:
    """One block in ns per run."""

    ns: Array
    runs_per_sample: int


@dataclass(frozen=True)
class Difference:
    """A figure of the file, and what the samples give."""

    name: str
    stored: Any
    computed: Any


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


def student(degrees: int) -> float:
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


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return header, invocations and last line of a whole file."""
    header, *middle, last = (json.loads(line) for line in path.read_text().splitlines())
    return header, middle, last


def samples(block: dict[str, Any]) -> Series:
    stored = block["durations_ns"]
    raw = zlib.decompress(base64.b64decode(stored["zlib+base64"]))
    per_sample = int(block["runs_per_sample"])
    return Series(np.frombuffer(raw, stored["dtype"]).astype(np.float64) / per_sample, per_sample)


def processes_of(
    invocations: Sequence[dict[str, Any]], loop: str, *, tail: bool
) -> list[list[Series]]:
    found = []
    for invocation in invocations:
        blocks = [
            samples(block)
            for block in invocation["blocks"]
            if block["loop"] == loop and block["tail"] == tail
        ]
        blocks = [block for block in blocks if block.ns.size]
        if blocks:
            found.append(blocks)
    return found


def joined(blocks: Sequence[Series]) -> Array:
    return np.concatenate([block.ns for block in blocks])


def mean_of(blocks: Sequence[Series]) -> float:
    time_ns = sum(float(block.ns.sum()) * block.runs_per_sample for block in blocks)
    return time_ns / sum(block.ns.size * block.runs_per_sample for block in blocks)


def resolved(bounds: Bounds, value: float, tick_ns: float) -> Bounds:
    if bounds is None:
        return None
    return min(bounds[0], value - tick_ns), max(bounds[1], value + tick_ns)


def figures(
    summary: dict[str, Any],
    measured: Sequence[Sequence[Series]],
    tails: Sequence[Sequence[Series]],
    tick_ns: float,
) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, stored and computed figure of one loop."""
    per_sample = max(block.runs_per_sample for blocks in measured for block in blocks)
    used = [
        blocks[slice(*state["used"])] for blocks, state in zip(measured, summary["steady_states"])
    ]
    runs = [joined(blocks) for blocks in used]
    medians = [float(np.median(x)) for x in runs]
    value = math.exp(float(np.mean(np.log(medians))))
    middle = resolved(between(medians), value, tick_ns / per_sample)
    yield "median_ns", summary["median_ns"], value
    yield "median_ci95_ns", summary["median_ci95_ns"], middle
    if max(x.size for x in runs) <= LONGEST:
        scatter = resolved(within(runs), value, tick_ns / per_sample)
        yield "median_ci95_within_ns", summary["median_ci95_within_ns"], scatter
        yield "n_eff", summary["n_eff"], sum(effective([x], 0.5) for x in runs)
    mean_ns = mean_of([block for blocks in used for block in blocks])
    spread = between([mean_of(blocks) for blocks in used])
    if spread is not None:
        spread = min(spread[0], mean_ns), max(spread[1], mean_ns)
    yield "mean_ns", summary["mean_ns"], mean_ns
    yield "mean_ci95_ns", summary["mean_ci95_ns"], spread
    if summary.get("runs_per_s_ci95_reason") != "the rate was given":
        yield "runs_per_s", summary["runs_per_s"], 1e9 / mean_ns
        turned = None if spread is None else (1e9 / spread[1], 1e9 / spread[0])
        yield "runs_per_s_ci95", summary["runs_per_s_ci95"], turned
    yield "n", summary["n"], sum(x.size for x in runs)
    everything = sum(joined(blocks).size for blocks in measured)
    yield "n_left_out", summary["n_left_out"], everything - sum(x.size for x in runs)
    yield "processes", summary["processes"], len(measured)
    yield "runs_per_sample", summary["runs_per_sample"], per_sample
    for number, (blocks, state) in enumerate(zip(measured, summary["steady_states"])):
        levels = [float(np.median(block.ns)) for block in blocks]
        for segment in state["segments"]:
            level = float(np.median(levels[segment["start"] : segment["stop"]]))
            yield f"level of process {number}", segment["median_ns"], level
    singles = runs if per_sample == 1 else [joined(blocks) for blocks in tails]
    if singles:
        yield from _of_single_runs(summary, singles, middle)


def _of_single_runs(
    summary: dict[str, Any], singles: Sequence[Array], middle: Bounds
) -> Iterator[tuple[str, Any, Any]]:
    pooled = np.concatenate(singles)
    lower, centre, upper = np.quantile(pooled, (0.25, 0.5, 0.75))
    yield "min_ns", summary["min_ns"], float(pooled.min())
    yield "max_ns", summary["max_ns"], float(pooled.max())
    yield "stddev_ns", summary["stddev_ns"], float(pooled.std(ddof=1))
    yield "iqr_ns", summary["iqr_ns"], float(upper - lower)
    yield "mad_ns", summary["mad_ns"], float(np.median(np.abs(pooled - centre)))
    for name, stored in summary["percentiles"].items():
        p = float(name) / 100
        if p == 0.5 or stored["value_ns"] is None:
            continue
        yield f"p{name}", stored["value_ns"], float(np.quantile(pooled, p))
        if max(x.size for x in singles) <= LONGEST:
            yield f"interval of p{name}", stored["ci95_ns"], tail_bounds(singles, p, middle)


def differences(path: Path) -> tuple[int, list[Difference]]:
    """Return how many figures were computed, and those that are not the file's."""
    header, invocations, last = read(path)
    if header["spec"].get("regime") == "burst":
        raise SystemExit(f"{path}: the figures of a burst are of the blocks that were not slowed")
    tick_ns = float(header["clock"]["tick_ns"])
    count, found = 0, []
    for loop, summary in last["loops"].items():
        measured = processes_of(invocations, loop, tail=False)
        tails = processes_of(invocations, loop, tail=True)
        for name, stored, computed in figures(summary, measured, tails, tick_ns):
            count += 1
            if not _same(stored, computed):
                found.append(Difference(f"{loop}: {name}", stored, computed))
    headline, first = last["summary"], next(iter(last["loops"].values()))
    for name in ("median_ns", "median_ci95_ns", "mean_ns", "p90_ns", "p99_ns", "runs_per_s"):
        count += 1
        if not headline.get("headline_withheld") and not _same(headline[name], first[name]):
            found.append(Difference(f"summary: {name}", headline[name], first[name]))
    return count, found


def _same(stored: Any, computed: Any) -> bool:
    if stored is None or computed is None:
        return stored is None and computed is None
    return bool(np.allclose(stored, computed, rtol=ROUNDING, atol=1e-9))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Recompute, print what differs, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT")
    wrong = 0
    for path in parser.parse_args(arguments).results:
        count, found = differences(path)
        print(f"{path.name}: {count} figures, {len(found)} differ")
        for one in found:
            print(f"  {one.name}: {one.stored} in the file, {one.computed} from its samples")
        wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
