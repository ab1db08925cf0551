"""Whether the machine held its clock."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.summarise import summarise_result
from edgeloop.results.throttle_verdict import throttle_verdict


def state(
    causes: tuple[str, ...] = (), transitions: Optional[int] = None, throttled: Any = None
) -> dict[str, Any]:
    cooling = [{"name": "cooling_device0", "transitions": transitions}]
    return {"throttling": {"causes": causes, "cpu_cooling": cooling, "throttled": throttled}}


def result(
    probes_ns: list[Optional[int]], samples: Any = (), regime: Optional[str] = None
) -> Result:
    blocks = [
        Block(
            "native", 0, 1, np.full(20, 1000 if probe == 100 else 2000, np.uint64), probe_ns=probe
        )
        for probe in probes_ns
    ]
    invocation = Invocation(
        0, 0, {}, {}, {"native": []}, blocks, "converged", "", host_samples=samples
    )
    spec = {"loops": ["native"], "percentiles": [50.0], "regime": regime}
    return Result({"spec": spec, "model": {"inputs": []}}, [invocation])


@pytest.mark.parametrize(
    ("slow", "verdict"), [(0, "clean"), (2, "clean"), (3, "throttled"), (9, "throttled")]
)
def test_a_fifth_of_the_blocks_may_be_slow(slow: int, verdict: str) -> None:
    found = throttle_verdict(result([100] * (10 - slow) + [110] * slow), state(), state())
    assert found["verdict"] == verdict
    assert found["share_throttled"] == pytest.approx(slow / 10)
    assert (found["fix"] is None) == (verdict == "clean")


def test_what_the_firmware_says_in_between_counts() -> None:
    samples = [{"causes": ["under-voltage"]}, {"causes": []}]
    found = throttle_verdict(result([100] * 10, samples), state(), state())
    assert found["verdict"] == "under-voltage"
    assert "supply" in found["fix"]
    hot = throttle_verdict(result([100] * 10), state(), state(("soft-temperature-limit",)))
    assert hot["verdict"] == "throttled"
    assert "soft-temperature-limit" in hot["text"]


def test_the_kernels_cooling_statistics_see_what_came_and_went() -> None:
    found = throttle_verdict(result([100] * 10), state(transitions=6), state(transitions=8))
    assert (found["verdict"], found["cooling_transitions"]) == ("throttled", 2)
    reset = throttle_verdict(result([100] * 10), state(transitions=6), state(transitions=0))
    assert (reset["verdict"], reset["cooling_transitions"]) == ("clean", 0)


def test_where_nothing_can_be_read_there_is_no_verdict() -> None:
    found = throttle_verdict(result([None] * 10), state(), state())
    assert found["verdict"] is None
    assert "no probe" in found["verdict_reason"]


def test_a_burst_takes_its_headline_from_unthrottled_blocks() -> None:
    probes: list[Optional[int]] = [100, 110, 100, 110, 100, 100, 110, 100]
    as_it_comes = summarise_result(result(probes), "converged")["loops"]["native"]
    burst = summarise_result(result(probes, regime="burst"), "converged")["loops"]["native"]
    assert as_it_comes["n"] == 8 * 20
    assert burst["n"] == 5 * 20
    assert burst["max_ns"] == 1000
