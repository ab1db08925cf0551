"""How often does `compare` see a difference that is not there, and miss one that is?

    python benchmarks/false_alarms.py [--repeats N] [--seed N] [--json FILE]

Simulated comparisons, planned and judged by the functions that `edgeloop compare` itself uses.
Every worker has its luck for life (where its memory lies), blocks follow one another with
correlation on a machine that slows down evenly, and on a busy one a third of them is disturbed.
Prints tables of false verdicts, of coverage and of power, and exits with 1 when a figure misses
its target by more than two Monte-Carlo errors. `equivalent` has to meet its target as it stands:
the rule's own share is 0.025, and five times the repeats tell it from 0.03. The default seed was
not used while the rule was chosen.
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

from edgeloop.cli.pages.columns import columns
from edgeloop.measure.pairing import PLANS
from edgeloop.stats.compare import Comparison, compare_paired, compare_unpaired
from edgeloop.stats.verdict import DELTA, EQUIVALENT, FASTER, SLOWER

Medians = npt.NDArray[np.float64]

MOST_FALSE = 0.05
MOST_EQUIVALENT_AT_BOUND = 0.03
LEAST_COVERAGE = 0.94
MOST_COVERAGE = 0.985
"""Where the wider of two intervals counts."""
LEAST_COVERAGE_SKEWED = 0.92
LEAST_POWER = 0.9

PAIRS = 20
"""In a session: as many as a busy machine leaves of a second."""
BLOCK_SIGMA = 0.01
"""Relative scatter of a block's median on a quiet machine."""
RHO = 0.5
"""Correlation of one block with the next."""
DRIFT = 0.01
"""Relative slow-down from the first block of a session to the last."""
DISTURBED = 1.0 / 3.0
"""Share of the blocks of a busy machine that something else disturbs, by half their time."""


@dataclass(frozen=True)
class Setting:
    """What is simulated."""

    effort: str
    luck: float
    """Relative scatter of one worker."""
    effect: float = 0.0
    """B takes this much longer than A."""
    skewed: bool = False
    """Luck is bad luck alone: exponential, not normal."""
    busy: bool = False

    @property
    def name(self) -> str:
        shape = ", exponential" if self.skewed else ""
        return f"{self.effort}, luck {100 * self.luck:g} %{shape}{', busy' if self.busy else ''}"


@dataclass(frozen=True)
class Row:
    """One line of a table and of the JSON file. Shares of the repeats, with Monte-Carlo errors."""

    name: str
    effect: float
    sessions: float
    """Mean number."""
    faster_or_slower: float
    faster_or_slower_error: float
    equivalent: float
    equivalent_error: float
    coverage: float
    coverage_error: float
    half_width: float
    """Median, relative."""
    outcome: str


def log_ratios(setting: Setting, sessions: int, rng: np.random.Generator) -> Medians:
    """Return ln(B / A) by session and pair, blocks in random order in each pair."""
    from scipy.signal import lfilter

    shape = (sessions, 2 * PAIRS)
    noise = rng.standard_normal(shape) * math.sqrt(1.0 - RHO**2)
    noise[:, 0] /= math.sqrt(1.0 - RHO**2)  # the first value has the stationary scatter too
    blocks = BLOCK_SIGMA * np.asarray(lfilter([1.0], [1.0, -RHO], noise, axis=1))
    blocks += DRIFT * np.arange(2 * PAIRS) / (2 * PAIRS)
    if setting.busy:
        blocks += (rng.random(shape) < DISTURBED) * rng.exponential(0.5, shape)
    pairs = blocks.reshape(sessions, PAIRS, 2)
    b_first = rng.random((sessions, PAIRS)) < 0.5
    d = np.where(b_first, pairs[..., 0] - pairs[..., 1], pairs[..., 1] - pairs[..., 0])
    luck = setting.luck * worker_luck(setting, (2, sessions), rng)
    return np.asarray(d + (luck[1] - luck[0])[:, None] + math.log1p(setting.effect))


def worker_luck(
    setting: Setting, shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the luck of workers, with a scatter of one."""
    return rng.standard_exponential(shape) if setting.skewed else rng.standard_normal(shape)


def compared(setting: Setting, repeats: int, seed: Sequence[int]) -> list[Comparison]:
    """Return comparisons as `edgeloop compare` plans and judges them."""
    rng = np.random.default_rng(seed)
    plan = PLANS[setting.effort]
    labels = np.repeat(np.arange(plan.most), PAIRS).tolist()
    found = []
    for _ in range(repeats):
        d = log_ratios(setting, plan.most, rng).ravel()
        first = plan.first_stage * PAIRS
        wanted = plan.wanted(list(d[:first]), labels[:first], DELTA)
        used = min(wanted, plan.most) * PAIRS
        found.append(
            compare_paired(
                np.ones(used),
                np.exp(d[:used]),
                processes=labels[:used],
                first_stage=plan.first_stage,
            )
        )
    return found


def unpaired(setting: Setting, processes: int, repeats: int, seed: Sequence[int]) -> Row:
    """Compare the process medians of two stored results."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        a, b = setting.luck * worker_luck(setting, (2, processes), rng)
        found.append(compare_unpaired(np.exp(a), (1.0 + setting.effect) * np.exp(b)))
    name = f"{processes} processes a side, {setting.name.partition(', ')[2]}"
    return row(setting, found, name)


def row(setting: Setting, comparisons: Sequence[Comparison], name: str = "") -> Row:
    count = len(comparisons)
    verdict = sum(c.verdict in (FASTER, SLOWER) for c in comparisons) / count
    equivalent = sum(c.verdict == EQUIVALENT for c in comparisons) / count
    coverage = sum(covers(c, 1.0 + setting.effect) for c in comparisons) / count
    least = LEAST_COVERAGE_SKEWED if setting.skewed else LEAST_COVERAGE
    good = least <= coverage + 2 * error(coverage, count) and coverage <= MOST_COVERAGE
    if setting.effect == 0.0:
        good = good and verdict - 2 * error(verdict, count) <= MOST_FALSE
    elif setting.effect <= DELTA:
        good = good and equivalent <= MOST_EQUIVALENT_AT_BOUND
    else:
        good = good and verdict >= LEAST_POWER
    return Row(
        name or setting.name,
        setting.effect,
        float(np.mean([c.count for c in comparisons])),
        verdict,
        error(verdict, count),
        equivalent,
        error(equivalent, count),
        coverage,
        error(coverage, count),
        float(np.median([c.half_width for c in comparisons if c.half_width is not None])),
        "ok" if good else "MISS",
    )


def covers(comparison: Comparison, ratio: float) -> bool:
    interval = comparison.ratio_ci95
    return interval is not None and interval[0] <= ratio <= interval[1]


def error(share: float, count: int) -> float:
    """Return the Monte-Carlo error of a share."""
    return math.sqrt(share * (1.0 - share) / count)


def rows(settings: Sequence[Setting], repeats: int, seed: Sequence[int]) -> list[Row]:
    return [
        row(setting, compared(setting, repeats, (*seed, number)))
        for number, setting in enumerate(settings)
    ]


def equal(repeats: int, seed: int) -> list[Row]:
    settings = [
        Setting(effort, luck, skewed=skewed, busy=busy)
        for effort in PLANS
        for luck in (0.005, 0.01, 0.02)
        for skewed, busy in ((False, False), (True, False), (False, True))
    ]
    return rows(settings, repeats, (seed, 1))


def at_the_bound(repeats: int, seed: int) -> list[Row]:
    """Repeat five times as often: 0.025 has to be told from 0.03."""
    settings = [
        Setting(effort, luck, effect=DELTA)
        for effort in PLANS
        for luck in (0.0, 0.001, 0.002, 0.005, 0.01)
    ]
    return rows(settings, 5 * repeats, (seed, 2))


def power(repeats: int, seed: int) -> list[Row]:
    settings = [
        Setting("standard", luck, effect=0.02, busy=busy)
        for luck in (0.002, 0.005, 0.01)
        for busy in (False, True)
    ]
    return rows(settings, repeats, (seed, 3))


def stored(repeats: int, seed: int) -> list[Row]:
    settings = [Setting("", luck, effect) for luck in (0.005, 0.02) for effect in (0.0, DELTA)]
    return [
        unpaired(setting, processes, repeats, (seed, 4, processes, number))
        for processes in (3, 5, 10)
        for number, setting in enumerate(settings)
    ]


TABLES: dict[str, Callable[[int, int], list[Row]]] = {
    f"A and B are equal: faster or slower at most {MOST_FALSE:g}": equal,
    f"B takes 1.01 times as long: equivalent at most {MOST_EQUIVALENT_AT_BOUND:g}": at_the_bound,
    f"B takes 1.02 times as long: found at least {LEAST_POWER:g}": power,
    "two stored results, by the medians of their processes": stored,
}


def table_text(title: str, table: Sequence[Row]) -> str:
    heads = ("", "effect", "sessions", "faster/slower", "equivalent", "coverage", "half-width", "")
    lines = [
        (
            one.name,
            f"{100 * one.effect:g} %",
            f"{one.sessions:.1f}",
            f"{one.faster_or_slower:.3f} ± {one.faster_or_slower_error:.3f}",
            f"{one.equivalent:.3f} ± {one.equivalent_error:.3f}",
            f"{one.coverage:.3f} ± {one.coverage_error:.3f}",
            f"±{100 * one.half_width:.2f} %",
            one.outcome,
        )
        for one in table
    ]
    return f"{title}\n{columns([heads, *lines])}"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=4000, help="comparisons per row")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    print(f"{options.repeats} comparisons a row, seed {options.seed}; ± is the Monte-Carlo error.")
    tables = {}
    missed = 0
    for title, table in TABLES.items():
        found = table(options.repeats, options.seed)
        print(f"\n{table_text(title, found)}", flush=True)
        tables[title] = [asdict(one) for one in found]
        missed += sum(one.outcome == "MISS" for one in found)
    if options.json is not None:
        document = {"repeats": options.repeats, "seed": options.seed, "tables": tables}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    print(
        f"\n{missed} figures miss their target." if missed else "\nEvery figure meets its target."
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
