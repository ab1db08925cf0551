"""What the reader of a result is warned of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeloop.data.source import Skipped
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.warnings import data_warnings, result_warnings


def result(threads: int, started: int, probes_ns: list[int], effort: str = "standard") -> Result:
    blocks = [
        Block("native", 0, 1, np.full(5, 1000, np.uint64), probe_ns=probe_ns)
        for probe_ns in probes_ns
    ]
    invocation = Invocation(0, 0, {}, {}, {}, blocks, "converged", "", threads_started=started)
    header = {
        "runtime": {"threads": threads, "name": "litert"},
        "command": "bench",
        "spec": {"effort": effort, "loops": ["native"]},
    }
    return Result(header=header, invocations=[invocation])


def summary(**changes: Any) -> dict[str, Any]:
    headline = {
        "cpus_used": 1.0,
        "median_ci95_ns": [1, 2],
        "steady_state": "flat",
        "processes": 5,
        **changes,
    }
    return {"summary": headline}


def codes(measured: Result, **changes: Any) -> list[str]:
    return [warning["code"] for warning in result_warnings(measured, summary(**changes))]


def test_a_clean_result_warns_of_nothing() -> None:
    assert codes(result(1, 0, [100] * 10)) == []


@pytest.mark.parametrize(
    ("threads", "started", "used", "code"),
    [(1, 0, 2.0, "threads-exceeded"), (4, 0, 1.0, "threads-ignored"), (4, 3, 3.9, None)],
)
def test_threads_are_verified(threads: int, started: int, used: float, code: str) -> None:
    found = codes(result(threads, started, [100] * 10), cpus_used=used)
    assert found == ([] if code is None else [code])


def test_slow_probes_are_throttling_when_they_are_many() -> None:
    assert codes(result(1, 0, [100] * 9 + [110])) == []
    assert codes(result(1, 0, [100] * 7 + [110] * 3)) == ["throttled"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"median_ci95_ns": None}, "no-interval"),
        ({"steady_state": "slow-down"}, "not-steady"),
        ({"processes": 1}, "one-process"),
    ],
)
def test_what_the_samples_lack_is_said(changes: dict[str, Any], code: str) -> None:
    assert codes(result(1, 0, [100] * 10), **changes) == [code]


def test_a_result_without_samples_has_no_warnings_of_them() -> None:
    assert result_warnings(result(1, 0, []), {"summary": None}) == []


def data_result(**parts: Any) -> Any:
    data = SimpleNamespace(
        n=9, skipped=parts.get("skipped", ()), clipped_shares=lambda: parts.get("clipped", {})
    )
    return SimpleNamespace(data=data, evaluation=parts.get("evaluation"))


def test_clipped_data_names_the_input_and_the_share() -> None:
    (warning,) = data_warnings(data_result(clipped={"image": 0.4, "mask": 0.01}))
    assert warning["code"] == "data-clipped"
    assert "40 %" in warning["text"]
    assert "'image'" in warning["text"]


def test_pictures_that_were_left_out_are_counted_and_named() -> None:
    skipped = [Skipped(f"{number}.jpg", "it is cut off") for number in range(7)]
    (warning,) = data_warnings(data_result(skipped=skipped))
    assert warning["code"] == "data-skipped"
    assert "7 of 9 pictures" in warning["text"]
    assert "0.jpg (it is cut off)" in warning["text"]
    assert "and 2 more" in warning["text"]
    assert "--strict" in warning["fix"]


def test_shifted_labels_tell_the_option() -> None:
    evaluation = SimpleNamespace(label_shift=lambda: (1, 0.01, 0.86))
    (warning,) = data_warnings(data_result(evaluation=evaluation))
    assert warning["code"] == "labels-shifted"
    assert "86.0 % instead of 1.0 %" in warning["text"]
    assert warning["fix"] == "say --label-offset 1"
    assert data_warnings(data_result(evaluation=SimpleNamespace(label_shift=lambda: None))) == []
