"""The last line of a result is made of its samples, whatever each process put into one."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgeloop.host.power.meter import MeterDescription
from edgeloop.measure.surroundings import process_power
from edgeloop.metrics.classification import ClassificationTally
from edgeloop.metrics.paired import SampleScores, paired_difference
from edgeloop.results.compare import CONDITIONS, compare_results
from edgeloop.results.energy import energy
from edgeloop.results.probe import Probe
from edgeloop.results.sample_scores import scores_document
from edgeloop.results.schema import Result
from edgeloop.results.store import SUFFIX, read_result
from edgeloop.results.summarise import summarise_result
from edgeloop.spec.metrics import MetricOptions
from edgeloop.stats.compare import compare_paired

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "recompute.py"


@pytest.fixture
def mixed(golden: Any, invocation: Any, block: Any) -> Result:
    """Three processes that took 18, 19 and 18 runs a sample, as older versions allowed."""
    rng = np.random.default_rng(3)
    result: Result = read_result(str(golden))
    result.invocations = []
    for runs in (18, 19, 18):
        blocks = []
        for level in (1806.0, 1806.0, 1806.0, 2709.0, 2709.0, 2709.0, 2709.0):
            for loop, share in (("native", 1.0), ("binding", 1.1)):
                durations = level * share * runs * np.exp(0.001 * rng.standard_normal(40))
                blocks.append(block(*durations.astype(np.uint64), loop=loop, runs_per_sample=runs))
        result.invocations.append(invocation(*blocks))
    return result


def test_every_figure_of_mixed_runs_per_sample_is_per_run(mixed: Result) -> None:
    document = summarise_result(mixed, "converged")
    for loop, share in (("native", 1.0), ("binding", 1.1)):
        summary = document["loops"][loop]
        # Four of seven blocks are at the upper level; samples scatter by 0.1 %.
        assert summary["median_ns"] == pytest.approx(2709 * share, rel=0.002)
        mean_ns = (3 * 1806 + 4 * 2709) / 7 * share
        assert summary["mean_ns"] == pytest.approx(mean_ns, rel=0.002)
        assert summary["runs_per_s"] == pytest.approx(1e9 / mean_ns, rel=0.002)
        for state in summary["steady_states"]:
            levels = [segment["median_ns"] for segment in state["segments"]]
            assert levels == pytest.approx([1806 * share, 2709 * share], rel=0.002)
    assert document["summary"]["median_ns"] == document["loops"]["native"]["median_ns"]
    assert document["overhead"]["loops"]["binding"]["share"] == pytest.approx(0.1, abs=0.002)


@pytest.fixture(scope="module")
def recompute() -> Iterator[ModuleType]:
    """The independent script, which shares no code with what it checks."""
    sys.path.insert(0, str(SCRIPT.parent))  # as it is where a script is run
    spec = importlib.util.spec_from_file_location("recompute", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recompute"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


def stored(result: Result, folder: Path, **extra: Any) -> Path:
    """Write a result as a file, with the last line that the product makes of it."""
    last = {**summarise_result(result, "converged"), **extra}
    labelled = zip(result.invocations, result.block_labels())
    lines = [result.header, *(one.as_dict(labels) for one, labels in labelled), last]
    path = folder / f"a{SUFFIX}"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def noisy(
    golden: Path, invocation: Any, block: Any, processes: int, rps: Any, rho: float
) -> Result:
    """A result of processes that differ, whose runs resemble their neighbours."""
    rng = np.random.default_rng([processes, int(100 * rho)])
    result: Result = read_result(str(golden))
    result.invocations = []
    for number in range(processes):
        per_sample = rps[number % len(rps)]
        noise = rng.standard_normal(12 * 60)
        for i in range(1, noise.size):
            noise[i] += rho * noise[i - 1]
        level_ns = 1806.0 * np.exp(0.02 * rng.standard_normal())
        blocks = []
        for part in np.split(level_ns * np.exp(0.03 * noise), 12):
            for loop in result.loop_names:
                singles = part.astype(np.uint64)
                means = (part * per_sample).astype(np.uint64)
                blocks.append(block(*means, loop=loop, runs_per_sample=per_sample))
                if max(rps) > 1:
                    blocks.append(block(*singles, loop=loop, tail=True))
        result.invocations.append(invocation(*blocks))
    return result


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
@pytest.mark.parametrize("rps", [(1,), (18, 19, 18)], ids=["single runs", "mixed"])
@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_every_figure_is_that_of_an_independent_computation(
    processes: int,
    rps: Any,
    rho: float,
    golden: Path,
    invocation: Any,
    block: Any,
    tmp_path: Path,
    recompute: ModuleType,
) -> None:
    path = stored(noisy(golden, invocation, block, processes, rps, rho), tmp_path)
    count, found = recompute.differences(path)
    assert found == []
    assert count >= 2 * 18  # two loops


def test_a_result_that_is_wrong_is_found(
    mixed: Result, tmp_path: Path, recompute: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(mixed, tmp_path)
    assert recompute.main([str(path)]) == 0
    *lines, last = path.read_text(encoding="utf-8").splitlines()
    document = json.loads(last)
    # What the headline was when all samples were divided by the first process's number.
    document["loops"]["native"]["median_ns"] *= (19 / 18) ** (1 / 3)
    path.write_text("\n".join([*lines, json.dumps(document)]) + "\n", encoding="utf-8")
    assert recompute.main([str(path)]) == 1
    assert "native: median_ns: " in capsys.readouterr().out


def found_in(figures: Any) -> dict[str, tuple[Any, Any]]:
    """Return name → stored and computed figure."""
    return {name: (stored, computed) for name, stored, computed in figures}


def test_the_figures_of_a_burst_are_of_its_clean_blocks(
    golden: Path, invocation: Any, block: Any, tmp_path: Path, recompute: ModuleType
) -> None:
    result = noisy(golden, invocation, block, 3, (1,), 0.0)
    result.header["spec"]["regime"] = "burst"
    for one in result.invocations:
        for index, each in enumerate(one.blocks):
            # The last third at a clock that is 25 % slower, and with it the latency.
            slow = 1.25 if index >= 16 else 1.0
            probe = Probe(int(1e5 * slow), int(1e5 * slow), 1.0, 0.0, 0.0)
            durations_ns = (each.durations_ns * slow).astype(np.uint64)
            one.blocks[index] = replace(each, durations_ns=durations_ns, probe=probe)
    path = stored(result, tmp_path)
    labels = [label.name for each in result.block_labels() for label in each if label is not None]
    assert 0 < labels.count("clean") < len(labels)
    assert recompute.differences(path)[1] == []


def test_energy_is_that_of_an_independent_computation(
    golden: Path, invocation: Any, block: Any, recompute: ModuleType
) -> None:
    result = noisy(golden, invocation, block, 4, (1, 3), 0.0)
    rng = np.random.default_rng(8)
    result.invocations = [
        replace(one, host_samples=[{"taken_ns": 10**15, "power_w": float(w)} for w in watts])
        for one, watts in zip(result.invocations, 5 + rng.random((4, 6)))
    ]
    meter = MeterDescription("command", "the board", "nothing")
    powers = [process_power(one) for one in result.invocations]
    document = energy(powers, [2.0, 2.1, 2.3], meter, "")
    lines = [json.loads(json.dumps(one.as_dict())) for one in result.invocations]
    figures = found_in(recompute.of_energy(document, lines))
    assert len(figures) == 6
    for name, (told, computed) in figures.items():
        assert computed == pytest.approx(told), name


def test_accuracy_is_that_of_an_independent_computation(recompute: ModuleType) -> None:
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 4, 300)
    sides = []
    for error in (0.1, 0.3):
        answers = np.where(rng.random(300) < error, rng.integers(0, 5, 300), labels)
        tally = ClassificationTally(0, 300, MetricOptions(), 0.0, 0)
        right = tally.add_answers(answers, labels)
        scores = SampleScores("correct", right, "")
        sides.append(({**tally.as_dict(), "samples": scores_document(scores)}, scores))
    for document, scores in sides:
        figures = found_in(recompute.of_accuracy({"accuracy": document}))
        assert {"accuracy_ci95", "right samples"} <= set(figures)
        for name, (told, computed) in figures.items():
            assert computed == pytest.approx(told), name
        assert recompute.rights(document).tolist() == scores.values.tolist()
    paired = paired_difference(sides[0][1], sides[1][1], 0).as_dict()
    rights = [scores.values for _, scores in sides]
    for name, (told, computed) in found_in(recompute.of_paired(paired, *rights)).items():
        assert computed == pytest.approx(told), name


@pytest.mark.parametrize("processes", [3, 12])
def test_a_comparison_is_that_of_an_independent_computation(
    processes: int,
    golden: Path,
    invocation: Any,
    block: Any,
    tmp_path: Path,
    recompute: ModuleType,
) -> None:
    paths, medians = [], []
    for side in (0, 1):
        result = noisy(golden, invocation, block, processes, (1,), 0.3 * side)
        result.header["spec"]["effort"] = "standard"
        (tmp_path / str(side)).mkdir()
        paths.append(str(stored(result, tmp_path / str(side))))
        loop = result.loop_names[0]
        blocks = [one.run_times(loop) for one in result.invocations]
        medians.append([[each.median_ns for each in process] for process in blocks])
    numbers = [number for number, one in enumerate(medians[0]) for _ in one]
    a, b = (np.concatenate(one) for one in medians)
    paired = compare_paired(a, b, processes=numbers, first_stage=8)
    results = [read_result(path) for path in paths]
    unpaired = compare_results(*results, 0.01, CONDITIONS).comparison
    for comparison in (paired, unpaired):
        document = {**asdict(comparison), "results": paths}
        figures = found_in(recompute.of_comparison(document))
        assert figures["ratio"][1] == pytest.approx(comparison.ratio)
        assert figures["ratio_ci95"][1] == pytest.approx(comparison.ratio_ci95)
