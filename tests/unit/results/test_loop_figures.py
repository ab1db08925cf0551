"""A result as values with types."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.results.loop_figures import LoopFigures
from edgeloop.results.schema import Result
from edgeloop.results.store import read_result

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"


def test_the_headline_and_the_loops_are_those_of_the_document() -> None:
    result = read_result(str(GOLDEN))
    assert result.median_ns == result.summary["summary"]["median_ns"]
    assert list(result.loops) == list(result.loop_names)
    binding = result.loops["binding"]
    assert binding.median_ns == result.summary["loops"]["binding"]["median_ns"]
    assert binding.n == result.summary["loops"]["binding"]["n"]
    assert binding.reason("median_ns") is None


def test_what_has_no_value_has_a_reason() -> None:
    result = read_result(str(GOLDEN))  # of one process
    assert result.median_ci95_ns is None
    assert "3" in str(result.headline.reason("median_ci95_ns"))
    assert result.accuracy == {}


def test_a_run_without_a_summary_says_why() -> None:
    headline = Result(header={"spec": {"loops": ["native"]}}).headline
    assert headline.median_ns is None
    assert headline.reason("median_ns") == "the run ended before its summary"


def test_intervals_are_pairs() -> None:
    figures = LoopFigures.of({"median_ns": 2.0, "median_ci95_ns": [1.0, 3.0]})
    assert figures.median_ci95_ns == (1.0, 3.0)
    with pytest.raises(AttributeError):
        figures.median_ns = 1.0  # type: ignore[misc]


def test_warnings_are_values() -> None:
    result = read_result(str(GOLDEN))
    stored = result.summary["warnings"]
    assert [one.code for one in result.warnings] == [one["code"] for one in stored]
