"""What the last line of a result is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeloop.measure.record import _require_clean_burst, _timed_region
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec


@pytest.fixture
def spec() -> ResolvedSpec:
    return resolve(RunSpec(model="null"), "bench")[0]


def summary(share: Any) -> dict[str, Any]:
    found = {"share_slower": share, "text": "throttled: fixed work ran slower"}
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


@pytest.mark.parametrize("loop", ["native", "binding", "callable", "framework", "framework-io"])
@pytest.mark.parametrize(
    ("names", "waits_for"),
    [
        (("cuda",), "CUDAExecutionProvider is done"),
        (("tensorrt", "cuda"), "TensorrtExecutionProvider and CUDAExecutionProvider are done"),
        (("xnnpack",), None),
        ((), None),
    ],
)
def test_a_gpu_provider_says_when_the_clock_stops(
    spec: ResolvedSpec, loop: str, names: Any, waits_for: Any
) -> None:
    providers = tuple(DelegateSpec(name) for name in names)
    options = replace(spec.options, providers=providers)
    loaded = {"framework_regions": {}, "engine_region": None}
    words = _timed_region(replace(spec, runtime="onnxruntime", options=options), loop, loaded)
    if waits_for is None:
        assert "it returns when" not in words
    else:
        assert words.endswith(f"; it returns when {waits_for} and the outputs are in host memory")
