"""Scores of single samples on their way through a result."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from edgeloop.metrics.paired import CORRECT, SQUARED_ERROR, SampleScores
from edgeloop.results.sample_scores import paired_document, scores_document, scores_of


def through_json(scores: SampleScores) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(
        json.dumps({"accuracy": {"samples": scores_document(scores)}})
    )
    return summary


@pytest.mark.parametrize("n", [1, 8, 13, 1000])
def test_scores_come_back_as_they_went(n: int) -> None:
    generator = np.random.default_rng(n)
    right = SampleScores(CORRECT, generator.random(n) < 0.7, "abc")
    errors = SampleScores(SQUARED_ERROR, generator.random(n).astype(np.float32), "abc")
    for scores in (right, errors):
        found = scores_of(through_json(scores))
        assert found is not None
        assert (found.kind, found.labels_sha256) == (scores.kind, "abc")
        assert np.array_equal(found.values, scores.values)


def test_a_thousand_right_answers_are_small() -> None:
    scores = SampleScores(CORRECT, np.random.default_rng(0).random(1000) < 0.75, "abc")
    assert len(json.dumps(scores_document(scores))) < 300


@pytest.mark.parametrize(
    "change",
    [
        {"n": 9}, {"n": 0}, {"n": 1 << 40}, {"n": "8"}, {"kind": "other"}, {"kind": SQUARED_ERROR},
        {"zlib+base64": "!"}, {"zlib+base64": "AAAA"},
        {"zlib+base64": base64.b64encode(zlib.compress(bytes(1 << 20))).decode()},
    ],
)  # fmt: skip
def test_damaged_scores_are_none(change: dict[str, Any]) -> None:
    summary = through_json(SampleScores(CORRECT, np.ones(8, bool), "abc"))
    summary["accuracy"]["samples"].update(change)
    assert scores_of(summary) is None


def test_results_without_scores_say_why_they_are_not_paired() -> None:
    assert scores_of({"accuracy": None}) is None
    assert scores_of({"accuracy": {"accuracy": 0.5}}) is None
    document = paired_document(None, None, 0)
    assert document["paired"] is None
    assert "not known one by one" in document["paired_reason"]
