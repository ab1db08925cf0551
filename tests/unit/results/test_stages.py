"""The device's own account of a run: kept per invocation, summed up, shown, checked when read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgeloop.cli.pages.table import bench_table
from edgeloop.errors import ModelError
from edgeloop.results.schema import Invocation, Result
from edgeloop.results.store import read_result
from edgeloop.results.summarise import summarise_result

_COMPUTE = np.random.default_rng(0).integers(2_000_000, 2_000_040, 40).tolist()
STAGES = {"compute": _COMPUTE, "host to device": [9000] * 40}


@pytest.fixture
def measured(golden: Any, invocation: Any, block: Any) -> Result:
    """A result of two processes that timed their stages."""
    result: Result = read_result(str(golden))
    blocks = [block(*range(100, 200), loop=loop) for loop in result.loops]
    result.invocations = [invocation(*blocks, stages_ns=STAGES) for _ in range(2)]
    result.summary = {**result.summary, **summarise_result(result, "converged")}
    return result


def test_stages_survive_as_json(invocation: Any) -> None:
    document = json.loads(json.dumps(invocation(stages_ns=STAGES).as_dict()))
    assert Invocation.from_dict(document).stages_ns == STAGES
    del document["stages_ns"]  # as an older version wrote it
    assert Invocation.from_dict(document).stages_ns is None
    assert "does not time" in invocation().as_dict()["stages_ns_reason"]


@pytest.mark.parametrize("wrong", [[], "compute", {"compute": 3}, {"compute": ["x"]}])
def test_malformed_stages_are_refused(wrong: Any, invocation: Any) -> None:
    document = {**invocation().as_dict(), "stages_ns": wrong}
    with pytest.raises(ModelError):
        Invocation.from_dict(document)


def test_the_summary_has_their_medians_with_intervals(measured: Result) -> None:
    stages = measured.summary["summary"]["stages"]
    low, high = stages["compute"]["ci95_ns"]
    assert low <= stages["compute"]["value_ns"] <= high
    assert low >= 2_000_000
    assert high < 2_000_040
    assert stages["compute"]["n"] == 80
    assert stages["host to device"]["value_ns"] == 9000


def test_the_table_shows_them(measured: Result) -> None:
    (part,) = (p for p in bench_table(measured).split("\n\n") if p.startswith("stages"))
    assert "compute" in part
    assert "2.000 ms [2.000, 2.000]" in part
    assert "host to device" in part
