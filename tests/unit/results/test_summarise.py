"""The last line of a result is made of its samples, whatever each process put into one."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgeloop.results.schema import Result
from edgeloop.results.store import SUFFIX, read_result
from edgeloop.results.summarise import summarise_result

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
def recompute() -> ModuleType:
    """The independent script, which shares no code with what it checks."""
    spec = importlib.util.spec_from_file_location("recompute", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recompute"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def stored(result: Result, folder: Path) -> Path:
    """Write a result as a file, with the last line that the product makes of it."""
    last = summarise_result(result, "converged")
    lines = [result.header, *(one.as_dict() for one in result.invocations), last]
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
