"""How often does `compare` see a difference that is not there, and miss one that is?

Simulated sessions: autocorrelated runs on a machine that slows down evenly, measured in blocks.
Prints tables of false alarms and of power and exits with 1 when a figure misses its target.
The default seed was not used while the tests were chosen.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.compare import Comparison, compare_paired, compare_unpaired
from edgeloop.stats.verdict import EQUIVALENT, FASTER, SLOWER

Medians = npt.NDArray[np.float64]

MOST_ALARMS = 0.08
LEAST_COVERAGE = 0.93
LEAST_POWER = 0.9
"""For a difference of 1 %."""

RUN_SIGMA = 0.02
"""Relative scatter of a run."""
PAIRS, RUNS = 20, 50
"""Pairs in a session and runs in a block: the least that `compare` measures."""

CHUNK = 500
"""Repeats generated at once: 16 MB."""


@dataclass(frozen=True)
class Setting:
    """What is simulated."""

    name: str
    drift: float = 0.0
    """Relative slow-down from the first run of a session to the last."""
    effect: float = 0.0
    """B takes this much longer than A."""
    rho: float = 0.5
    """Correlation of one run with the next."""
    sessions: int = 1
    """Fresh pairs of processes."""
    luck: float = 0.0
    """Relative scatter from one process to the next, whatever it runs."""


@dataclass(frozen=True)
class Row:
    """One line of a table and of the JSON file. Shares of the repeats."""

    name: str
    drift: float
    effect: float
    found: float
    """The interval of the ratio excludes 1."""
    error: float
    twin_found: Optional[float]
    """The Hodges-Lehmann interval excludes 1."""
    faster_or_slower: float
    equivalent: float
    coverage: float
    half_width: float
    naive_found: Optional[float]
    outcome: str


def blocks(setting: Setting, repeats: int, rng: np.random.Generator) -> Medians:
    """Return block medians, by repeat, session, pair and place in the pair, without effect."""
    from scipy.signal import lfilter

    rho = setting.rho
    shape = (repeats * setting.sessions, 2 * PAIRS // setting.sessions * RUNS)
    noise = rng.standard_normal(shape) * math.sqrt(1.0 - rho**2)
    noise[:, 0] /= math.sqrt(1.0 - rho**2)  # the first value has the stationary scatter too
    runs = RUN_SIGMA * np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=1))
    runs += setting.drift * np.arange(shape[1]) / shape[1]
    medians = np.median(runs.reshape(shape[0], -1, RUNS), axis=2)
    return np.asarray(medians.reshape(repeats, setting.sessions, -1, 2))


def interleaved(setting: Setting, repeats: int, rng: np.random.Generator) -> tuple[Medians, ...]:
    """Return the medians of A and B by repeat and pair, in random order in each pair."""
    medians = blocks(setting, repeats, rng)
    b_first = rng.random(medians.shape[:3]) < 0.5
    luck = setting.luck * rng.standard_normal((2, repeats, setting.sessions, 1))
    a = np.where(b_first, medians[..., 1], medians[..., 0]) + luck[0]
    b = np.where(b_first, medians[..., 0], medians[..., 1]) + luck[1] + math.log1p(setting.effect)
    return np.exp(a).reshape(repeats, -1), np.exp(b).reshape(repeats, -1)


def one_after_the_other(
    setting: Setting, repeats: int, rng: np.random.Generator
) -> tuple[Medians, ...]:
    """Return the medians of A and B by repeat and block, all of A first."""
    medians = np.exp(blocks(setting, repeats, rng)).reshape(repeats, -1)
    return medians[:, :PAIRS], medians[:, PAIRS:] * (1.0 + setting.effect)


def compared(setting: Setting, repeats: int, seed: Sequence[int]) -> list[Comparison]:
    """Return the comparisons that edgeloop makes of interleaved sessions."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(setting.sessions), PAIRS // setting.sessions).tolist()
    return [
        compare_paired(a, b, sessions=labels)
        for start in range(0, repeats, CHUNK)
        for a, b in zip(*interleaved(setting, min(CHUNK, repeats - start), rng))
    ]


def naive_alarms(setting: Setting, repeats: int, seed: Sequence[int]) -> float:
    """Return how often the obvious way raises an alarm.

    One session: Welch's test on blocks of A…A B…B. Several: all pairs as if of one session.
    """
    rng = np.random.default_rng(seed)
    found = 0
    for start in range(0, repeats, CHUNK):
        size = min(CHUNK, repeats - start)
        if setting.sessions == 1:
            pairs = zip(*one_after_the_other(setting, size, rng))
            found += sum(excludes_one(compare_unpaired(a, b).ratio_ci95) for a, b in pairs)
        else:
            pairs = zip(*interleaved(setting, size, rng))
            found += sum(excludes_one(compare_paired(a, b).ratio_ci95) for a, b in pairs)
    return found / repeats


def excludes_one(interval: Optional[tuple[float, float]]) -> bool:
    return interval is not None and not interval[0] <= 1.0 <= interval[1]


def twin_found(comparisons: Sequence[Comparison]) -> Optional[float]:
    """Return how often the twin's interval excludes 1; five sessions are too few to give it one."""
    intervals = [c.hodges_lehmann_ci95 for c in comparisons]
    if None in intervals:
        return None
    return sum(map(excludes_one, intervals)) / len(intervals)


def covers(comparison: Comparison, ratio: float) -> bool:
    interval = comparison.ratio_ci95
    return interval is not None and interval[0] <= ratio <= interval[1]


def row(setting: Setting, comparisons: Sequence[Comparison], naive: Optional[float]) -> Row:
    count = len(comparisons)
    found = sum(excludes_one(c.ratio_ci95) for c in comparisons) / count
    coverage = sum(covers(c, 1.0 + setting.effect) for c in comparisons) / count
    good = coverage >= LEAST_COVERAGE
    if setting.effect == 0.0:
        good = good and found <= MOST_ALARMS
    elif setting.effect >= 0.01:
        good = good and found >= LEAST_POWER
    return Row(
        setting.name,
        setting.drift,
        setting.effect,
        found,
        math.sqrt(found * (1.0 - found) / count),
        twin_found(comparisons),
        sum(c.verdict in (FASTER, SLOWER) for c in comparisons) / count,
        sum(c.verdict == EQUIVALENT for c in comparisons) / count,
        coverage,
        float(np.median([c.half_width for c in comparisons if c.half_width is not None])),
        naive,
        "ok" if good else "MISS",
    )


def false_alarms(repeats: int, seed: int) -> list[Row]:
    """Equal systems: drift, stronger dependence, and processes that differ by luck."""
    settings = [Setting("rho 0.5", drift=drift) for drift in (0.0, 0.01, 0.03)]
    settings += [Setting("rho 0.9", drift=drift, rho=0.9) for drift in (0.0, 0.01, 0.03)]
    settings += [
        Setting(f"5 sessions, luck {100 * luck:g} %", drift=0.01, sessions=5, luck=luck)
        for luck in (0.0, 0.002, 0.01)
    ]
    rows = []
    for index, setting in enumerate(settings):
        comparisons = compared(setting, repeats, (seed, 1, index))
        rows.append(row(setting, comparisons, naive_alarms(setting, repeats, (seed, 2, index))))
    return rows


def power(repeats: int, seed: int) -> list[Row]:
    """B is slower: is it seen, and what is the verdict?"""
    settings = [
        Setting(name, drift=0.01, effect=effect, sessions=sessions)
        for sessions, name in ((1, "1 session"), (5, "5 sessions"))
        for effect in (0.005, 0.01, 0.02)
    ]
    return [
        row(setting, compared(setting, repeats, (seed, 3, index)), None)
        for index, setting in enumerate(settings)
    ]


TABLES: dict[str, Callable[[int, int], list[Row]]] = {
    "false alarms: A and B are equal (naive: all A then all B; all pairs as of one session)": (
        false_alarms
    ),
    "power: B is slower": power,
}


def print_table(title: str, rows: Sequence[Row]) -> None:
    heads = ["", "drift", "effect", "found", "twin", "naive"]
    lines = [[*heads, "faster/slower", "equivalent", "coverage", "±%", ""]]
    for entry in rows:
        lines.append(
            [
                entry.name,
                f"{100 * entry.drift:g} %",
                f"{100 * entry.effect:g} %",
                f"{entry.found:.3f}±{entry.error:.3f}",
                "" if entry.twin_found is None else f"{entry.twin_found:.3f}",
                "" if entry.naive_found is None else f"{entry.naive_found:.3f}",
                f"{entry.faster_or_slower:.3f}",
                f"{entry.equivalent:.3f}",
                f"{entry.coverage:.3f}",
                f"{100 * entry.half_width:.2f}",
                entry.outcome,
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=4000, help="simulated sessions per cell")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    print(
        f"Comparisons of {PAIRS} interleaved pairs of {RUNS} runs, {options.repeats} repeats, "
        f"seed {options.seed}.\n"
        "found: share whose 95 % interval excludes 1, ± its Monte-Carlo error; twin: the same by\n"
        "Hodges-Lehmann; coverage: of the true ratio; ±%: median half-width of the interval."
    )
    tables = {}
    missed = 0
    for title, table in TABLES.items():
        rows = table(options.repeats, options.seed)
        print_table(title, rows)
        sys.stdout.flush()
        tables[title] = [asdict(entry) for entry in rows]
        missed += sum(entry.outcome == "MISS" for entry in rows)
    if options.json is not None:
        document = {"repeats": options.repeats, "seed": options.seed, "tables": tables}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    print(
        f"\n{missed} figures miss their target." if missed else "\nEvery figure meets its target."
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
