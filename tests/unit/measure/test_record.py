"""What the last line of a result is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeloop.measure.record import _require_clean_burst
from edgeloop.spec import ResolvedSpec, RunSpec, resolve


@pytest.fixture
def spec() -> ResolvedSpec:
    return resolve(RunSpec(model="null"), "bench")[0]


def summary(share: Any) -> dict[str, Any]:
    found = {"share_throttled": share, "text": "throttled in 40 % of the blocks"}
    return {"throttling": found, "summary": {"median_ns": 5.0, "median_ci95_ns": [4.0, 6.0]}}


@pytest.mark.parametrize(
    ("regime", "share", "withheld"),
    [("burst", 0.4, True), ("burst", 0.1, False), (None, 0.4, False), ("burst", None, False)],
)
def test_a_burst_that_was_throttled_has_no_headline(
    spec: ResolvedSpec, regime: Any, share: Any, withheld: bool
) -> None:
    document = summary(share)
    _require_clean_burst(replace(spec, regime=regime), document)
    headline = document["summary"]
    assert (headline["median_ns"] is None) is withheld
    assert ("headline_withheld" in headline) is withheld
