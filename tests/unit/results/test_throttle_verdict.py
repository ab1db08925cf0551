"""Whether the machine was as fast as ever, and if not, what held it up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.summarise import summarise_result
from edgeloop.results.throttle_verdict import throttle_verdict

ALONE = {"cpu_share": 0.99, "other_cpus": 0.05, "stolen_cpus": 0.0}


def state(
    causes: tuple[str, ...] = (), transitions: Optional[int] = None, throttled: Any = None
) -> dict[str, Any]:
    cooling = [{"name": "cooling_device0", "transitions": transitions}]
    return {"throttling": {"causes": causes, "cpu_cooling": cooling, "throttled": throttled}}


def result(
    probes_ns: list[Optional[int]],
    samples: Any = (),
    regime: Optional[str] = None,
    slow_ns: int = 2000,
    **told: Any,
) -> Result:
    """Make a result; runs around a probe of 100 ns take 1000 ns, others `slow_ns`."""
    blocks = [
        Block(
            "native",
            1000 * number,
            1,
            np.full(20, 1000 if probe == 100 else slow_ns, np.uint64),
            probe=None if probe is None else Probe(probe, probe, **told),
        )
        for number, probe in enumerate(probes_ns)
    ]
    invocation = Invocation(
        0, 0, {}, {}, {"native": []}, blocks, "converged", "", host_samples=samples
    )
    spec = {"loops": ["native"], "percentiles": [50.0], "regime": regime}
    return Result({"spec": spec, "clock": {"tick_ns": 1}, "model": {"inputs": []}}, [invocation])


SLOW = [100] * 6 + [110] * 4


def verdict(measured: Result) -> str:
    return str(throttle_verdict(measured, state(), state())["verdict"])


@pytest.mark.parametrize(
    ("slow", "expected"), [(0, "clean"), (2, "clean"), (3, "throttled"), (6, "throttled")]
)
def test_a_fifth_of_the_blocks_may_be_slow(slow: int, expected: str) -> None:
    found = throttle_verdict(result([100] * (10 - slow) + [110] * slow, **ALONE), state(), state())
    assert found["verdict"] == expected
    assert found["share_slower"] == pytest.approx(slow / 10)
    assert (found["fix"] is None) == (expected == "clean")


@pytest.mark.parametrize(
    ("told", "expected", "words"),
    [
        ({}, "throttled", "with the core to itself"),
        ({"other_cpus": 1.3}, "disturbed", "while other programs used 1.3 CPUs"),
        ({"stolen_cpus": 0.4}, "disturbed", "while the hypervisor withheld 0.4 CPUs"),
        ({"cpu_share": 0.6, "other_cpus": 0.0}, "disturbed", "while something else had the core"),
        ({"other_cpus": None}, "slower", "the cause is unknown"),
        ({"cpu_share": None}, "slower", "the cause is unknown"),
    ],
)
def test_disturbed_is_not_throttled(told: dict[str, Any], expected: str, words: str) -> None:
    found = throttle_verdict(result(SLOW, **{**ALONE, **told}), state(), state())
    assert found["verdict"] == expected
    assert found["text"].startswith(f"{expected}: fixed work ran 10 % slower in 4 of 10 blocks")
    assert words in found["text"]
    board = ("cool", "fan", "heat", "supply")
    assert any(word in found["fix"] for word in board) == (expected == "throttled")


def test_a_hypervisor_may_take_the_core_unseen() -> None:
    guest = result(SLOW, **ALONE)
    guest.header["host"] = {"virtualisation": {"virtual_machine": "kvm"}}
    assert verdict(guest) == "slower"
    guest.header["host"] = {"virtualisation": {"virtual_machine": "none"}}
    assert verdict(guest) == "throttled"


def test_the_latency_must_follow_the_fixed_work() -> None:
    found = throttle_verdict(result(SLOW, slow_ns=1020, **ALONE), state(), state())
    assert (found["verdict"], found["share_slower"]) == ("clean", 0.0)
    assert "fixed work slower in 4 of 10 blocks, the latency not" in found["text"]
    assert verdict(result(SLOW, slow_ns=1040, **ALONE)) == "throttled"


def test_one_slow_probe_beside_a_block_is_not_a_slow_block() -> None:
    measured = result([100] * 10, **ALONE)
    blocks = [
        replace(block, probe=Probe(100, 130) if number % 2 else Probe(130, 100))
        for number, block in enumerate(measured.invocations[0].blocks)
    ]
    measured.invocations[0] = replace(measured.invocations[0], blocks=blocks)
    assert throttle_verdict(measured)["share_slower"] == 0.0


def test_a_sign_of_the_firmware_beside_a_slow_block_outweighs_other_programs() -> None:
    samples = [
        {"taken_ns": 0, "causes": []},
        {"taken_ns": 6500, "causes": ["soft-temperature-limit"]},
        {"taken_ns": 50_000, "causes": []},
    ]
    (labels,) = result(SLOW, samples, other_cpus=1.0).block_labels()
    assert [label.name for label in labels if label] == ["clean"] * 6 + ["throttled"] * 4
    (labels,) = result(SLOW, samples[:1], other_cpus=1.0).block_labels()
    assert {label.name for label in labels[6:] if label} == {"disturbed"}


def test_what_the_firmware_says_in_between_counts() -> None:
    samples = [{"causes": ["under-voltage"]}, {"causes": []}]
    found = throttle_verdict(result([100] * 10, samples), state(), state())
    assert found["verdict"] == "under-voltage"
    assert "supply" in found["fix"]
    hot = throttle_verdict(result([100] * 10), state(), state(("soft-temperature-limit",)))
    assert (hot["verdict"], hot["text"]) == ("throttled", "throttled: soft-temperature-limit")


def test_the_kernels_cooling_statistics_see_what_came_and_went() -> None:
    found = throttle_verdict(result([100] * 10), state(transitions=6), state(transitions=8))
    assert (found["verdict"], found["cooling_transitions"]) == ("throttled", 2)
    reset = throttle_verdict(result([100] * 10), state(transitions=6), state(transitions=0))
    assert (reset["verdict"], reset["cooling_transitions"]) == ("clean", 0)


def test_where_nothing_can_be_read_there_is_no_verdict() -> None:
    found = throttle_verdict(result([None] * 10), state(), state())
    assert found["verdict"] is None
    assert "no probe" in found["verdict_reason"]


def test_a_burst_takes_its_headline_from_clean_blocks() -> None:
    probes: list[Optional[int]] = [100, 100, 100, 110, 110, 110, 100, None, 100]
    as_it_comes = summarise_result(result(probes), "converged")["loops"]["native"]
    burst = summarise_result(result(probes, regime="burst"), "converged")["loops"]["native"]
    assert as_it_comes["n"] == 9 * 20
    assert burst["n"] == 6 * 20
