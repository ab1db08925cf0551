"""Every figure of a stored result once more, from its raw samples: numpy and none of edgeloop.

    python benchmarks/recompute.py RESULT...

Reads the file itself (JSON lines, zlib, base64), divides each block by its own runs per sample and
computes its figures by the formulas of `edgeloop help method`, written anew: of every loop values,
intervals between processes, the scatter within them, tails, levels, counts; what a loop costs
beyond the first one; the energy of a run; accuracy from the confusion matrix. A RESULT that ends
in .json is what `compare --json` wrote: ratio, interval and paired accuracy from the samples of
the results it names. Taken from the file are where the steady state of a process begins, which
blocks of a burst are clean, and the idle power; bootstrap intervals are drawn at random and not of
this. Exits 1 where a figure differs by more than rounding.
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
from recompute_statistics import (
    Array,
    Bounds,
    Z,
    between,
    effective,
    moved,
    students,
    tail_bounds,
    welch,
    within,
)

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
    invocations: Sequence[dict[str, Any]], loop: str, *, tail: bool, clean: bool = False
) -> list[list[Series]]:
    """Return the blocks of a loop by process; `clean`: without those that were slowed."""
    found = []
    for invocation in invocations:
        blocks = [
            samples(block)
            for block in invocation["blocks"]
            if block["loop"] == loop and block["tail"] == tail
            if not clean or block["label"] in (None, "clean")
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


def medians_of(invocation: dict[str, Any], loop: str) -> list[float]:
    (blocks,) = processes_of([invocation], loop, tail=False) or [[]]
    return [float(np.median(block.ns)) for block in blocks]


def of_overhead(
    last: dict[str, Any], invocations: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield what each loop costs beyond the first one: by pairs of blocks, then over processes."""
    found = last.get("overhead") or {"loops": {}}
    for loop, stored in found["loops"].items():
        pairs = [
            np.array(list(zip(medians_of(each, found["reference"]), medians_of(each, loop))))
            for each in invocations
        ]
        pairs = [each for each in pairs if each.size]
        yield f"{loop}: pairs", stored["pairs"], sum(len(each) for each in pairs)
        if stored["difference_ns"] is None:  # two instances, and fewer than five processes
            continue
        beyond = [float(np.median(each[:, 1] - each[:, 0])) for each in pairs]
        ratios = [float(np.median(np.log(each[:, 1] / each[:, 0]))) for each in pairs]
        yield f"{loop}: overhead", stored["difference_ns"], np.mean(beyond)
        yield f"{loop}: interval of it", stored["difference_ci95_ns"], students(beyond)
        yield f"{loop}: share", stored["share"], math.expm1(float(np.mean(ratios)))
        shares = moved(students(ratios), math.expm1)
        yield f"{loop}: interval of it", stored["share_ci95"], shares


def of_energy(
    last: dict[str, Any], invocations: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield power and energy of a run: the mean of the processes, each by its own readings."""
    stored = last.get("energy")
    if stored is None:
        return
    power_w, run_s = [], []
    for each in invocations:
        begun_ns = min((block["start_ns"] for block in each["blocks"]), default=0)
        read = [one.get("power_w") for one in each["host_samples"]
                if one.get("taken_ns", 0) >= begun_ns]  # fmt: skip
        read = [one for one in read if one is not None]
        blocks = [samples(block) for block in each["blocks"]]
        runs = sum(block.ns.size * block.runs_per_sample for block in blocks)
        if read and runs:
            busy_ns = sum(float(block.ns.sum()) * block.runs_per_sample for block in blocks)
            power_w.append(float(np.mean(read)))
            run_s.append(busy_ns / 1e9 / runs)
    each_j = [watts * seconds for watts, seconds in zip(power_w, run_s)]
    yield "power_w", stored["power_w"], np.mean(power_w)
    yield "power_ci95_w", stored["power_ci95_w"], students(power_w)
    yield "energy_per_run_j", stored["energy_per_run_j"], np.mean(each_j)
    yield "energy_per_run_ci95_j", stored["energy_per_run_ci95_j"], students(each_j)
    if stored["idle_w"] is not None:
        above_j = [(watts - stored["idle_w"]) * s for watts, s in zip(power_w, run_s)]
        yield "above_idle_per_run_j", stored["above_idle_per_run_j"], np.mean(above_j)
        name = "above_idle_per_run_ci95_j"
        yield name, stored[name], students(above_j)


def of_accuracy(last: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what the confusion matrix says of a classifier, with Wilson's interval."""
    stored = last.get("accuracy")
    if stored is None or "confusion_matrix" not in stored:
        return
    cells = np.array(stored["confusion_matrix"]["label_answer_count"]).reshape(-1, 3)
    labels, answers, counts = cells.T
    n, correct = int(counts.sum()), int(counts[labels == answers].sum())
    share, z = correct / n, Z
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    wilson = max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
    yield "n", stored["n"], n
    yield "correct", stored["correct"], correct
    yield "accuracy", stored["accuracy"], share
    yield "accuracy_ci95", stored["accuracy_ci95"], wilson
    if "samples" in stored and stored["samples"]["kind"] == "correct":
        yield "right samples", correct, int(rights(stored).sum())
    if stored.get("balanced_accuracy") is None:
        return
    classes = np.union1d(labels, answers)
    hits, given, truth = (
        np.array([counts[mask].sum() for mask in masks], dtype=float)
        for masks in (
            [(labels == one) & (answers == one) for one in classes],
            [answers == one for one in classes],
            [labels == one for one in classes],
        )
    )
    precision, recall = hits / np.maximum(given, 1), hits / np.maximum(truth, 1)
    f1 = 2 * hits / (given + truth)
    yield "balanced_accuracy", stored["balanced_accuracy"], recall[truth > 0].mean()
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        yield f"{name}_macro", stored[f"{name}_macro"], values.mean()
        yield f"{name}_weighted", stored[f"{name}_weighted"], np.dot(values, truth) / n


def rights(accuracy: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Return which samples are right, a bit each in the file."""
    packed = zlib.decompress(base64.b64decode(accuracy["samples"]["zlib+base64"]))
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=accuracy["samples"]["n"])
    return bits.astype(bool)


FIRST_STAGES = {"quick": 6, "standard": 8, "rigorous": 16}


def of_comparison(stored: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield ratio and interval of B over A, and how much better B is on the same samples."""
    sides = [read(Path(path)) for path in stored["results"]]
    (a_loop, a_processes), (b_loop, b_processes) = (
        (header["spec"]["loops"][0], processes) for header, processes, _ in sides
    )
    if stored["paired"]:
        pairs = [
            np.array(list(zip(medians_of(a, a_loop), medians_of(b, b_loop))))
            for a, b in zip(a_processes, b_processes)
        ]
        pairs = [each for each in pairs if each.size]
        ratios = [float(np.median(np.log(each[:, 1] / each[:, 0]))) for each in pairs]
        centre = float(np.mean(ratios))
        bounds = students(ratios, FIRST_STAGES[sides[0][0]["spec"]["effort"]])
        yield "pairs", stored["pairs"], sum(len(each) for each in pairs)
    else:
        a, b = (
            np.log([float(np.median(joined(blocks))) for blocks in
                    processes_of(processes, loop, tail=False)])
            for loop, processes in ((a_loop, a_processes), (b_loop, b_processes))
        )  # fmt: skip
        centre, bounds = float(b.mean() - a.mean()), welch(a, b)
    yield "ratio", stored["ratio"], math.exp(centre)
    yield "ratio_ci95", stored["ratio_ci95"], moved(bounds, math.exp)
    paired = stored.get("accuracy")
    if paired is not None and paired["kind"] == "correct":
        first, second = (rights(last["accuracy"]) for _, _, last in reversed(sides))
        yield from of_paired(paired, first, second)


def of_paired(
    stored: dict[str, Any], first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield McNemar's exact test, and Bonett and Price's interval."""
    n, one, two = first.size, int((first & ~second).sum()), int((second & ~first).sum())
    yield "only B is right", stored["only_first"], one
    yield "only A is right", stored["only_second"], two
    yield "difference", stored["difference"], (one - two) / n
    tail = sum(math.comb(one + two, k) for k in range(min(one, two) + 1)) / 2 ** (one + two)
    yield "p_value", stored["p_value"], min(1.0, 2 * tail)
    if one + two:
        p, q = (one + 1) / (n + 2), (two + 1) / (n + 2)
        half = Z * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
        bounds = max(-1.0, p - q - half), min(1.0, p - q + half)
        yield "difference_ci95", stored["difference_ci95"], bounds


def differences(path: Path) -> tuple[int, list[Difference]]:
    """Return how many figures were computed, and those that are not the file's."""
    if path.suffix == ".json":
        return _differing(of_comparison(json.loads(path.read_text())))
    header, invocations, last = read(path)
    return _differing(of_result(header, invocations, last))


def of_result(
    header: dict[str, Any], invocations: Sequence[dict[str, Any]], last: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, stored and computed figure of a whole result."""
    tick_ns = float(header["clock"]["tick_ns"])
    clean = header["spec"].get("regime") == "burst"
    for loop, summary in last["loops"].items():
        measured = processes_of(invocations, loop, tail=False, clean=clean)
        tails = processes_of(invocations, loop, tail=True, clean=clean)
        for name, stored, computed in figures(summary, measured, tails, tick_ns):
            yield f"{loop}: {name}", stored, computed
    headline, first = last["summary"], next(iter(last["loops"].values()))
    for name in ("median_ns", "median_ci95_ns", "mean_ns", "p90_ns", "p99_ns", "runs_per_s"):
        if not headline.get("headline_withheld"):
            yield f"summary: {name}", headline[name], first[name]
    yield from of_overhead(last, invocations)
    yield from of_energy(last, invocations)
    yield from of_accuracy(last)


def _differing(figures: Iterator[tuple[str, Any, Any]]) -> tuple[int, list[Difference]]:
    all_of_them = list(figures)
    found = [Difference(*one) for one in all_of_them if not _same(*one[1:])]
    return len(all_of_them), found


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
