"""The energy of a run."""

from __future__ import annotations

import numpy as np
import pytest

from edgeloop.host.power.meter import MeterDescription
from edgeloop.results.energy import ProcessPower, energy

METER = MeterDescription("ina3221", "the whole board", "averages")


def process(*power_w: float, runs: int = 1000, busy_s: float = 2.0) -> ProcessPower:
    return ProcessPower(power_w, runs, busy_s)


def test_energy_is_power_times_the_time_of_a_run() -> None:
    found = energy([process(5.0, 5.0, 5.0)], [], METER, "")["energy"]
    assert found["energy_per_run_j"] == pytest.approx(5.0 * 2.0 / 1000)
    assert found["runs_per_j"] == pytest.approx(100.0)
    assert found["idle_w"] is None
    assert "0 readings" in found["idle_w_reason"]


def test_what_the_board_draws_anyway_is_told_apart() -> None:
    found = energy([process(5.0, 5.0, 5.0)], [3.0, 3.0, 3.0], METER, "")["energy"]
    assert found["idle_w"] == pytest.approx(3.0)
    assert found["above_idle_per_run_j"] == pytest.approx(2.0 * 2.0 / 1000)


def test_processes_that_differ_widen_the_interval() -> None:
    alike = energy([process(5, 5), process(5, 5), process(5, 5)], [], METER, "")["energy"]
    apart = energy([process(4, 4), process(5, 5), process(6, 6)], [], METER, "")["energy"]
    width = {
        name: np.diff(found["energy_per_run_ci95_j"])[0]
        for name, found in (("alike", alike), ("apart", apart))
    }
    assert width["alike"] < 0.1 * width["apart"]


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Processes that differ by 3 % and whose readings are one value: 600 repeats, error 0.9 %."""
    generator = np.random.default_rng(11)
    covered = 0
    for _ in range(600):
        # All readings of a process agree: the more there are, the more a pooled interval fools.
        processes = [process(*[mean] * 30) for mean in generator.normal(5.0, 0.15, 6)]
        low, high = energy(processes, [], METER, "")["energy"]["energy_per_run_ci95_j"]
        covered += low <= 0.01 <= high
    assert 0.92 <= covered / 600 <= 0.98


@pytest.mark.parametrize("count", [1, 2])
def test_readings_of_few_processes_have_no_interval(count: int) -> None:
    found = energy([process(*[5.0, 5.1] * 50)] * count, [3.0] * 4, METER, "")["energy"]
    for name in ("power_ci95_w", "energy_per_run_ci95_j", "above_idle_per_run_ci95_j"):
        assert found[name] is None
        assert f"have {count}" in found[f"{name}_reason"]


@pytest.mark.parametrize(
    ("processes", "meter", "words"),
    [
        ([process(5.0, 5.0, 5.0)], None, "no meter here"),
        ([process(5.0, 5.0)], METER, "2 readings"),
        ([process()], METER, "0 readings"),
    ],
)
def test_what_cannot_be_known_has_a_reason(processes, meter, words) -> None:
    found = energy(processes, [], meter, "no meter here")
    assert found["energy"] is None
    assert words in found["energy_reason"]
