"""The last line of a result is made of its samples, whatever each process put into one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeloop.results.schema import Result
from edgeloop.results.store import read_result
from edgeloop.results.summarise import summarise_result


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
