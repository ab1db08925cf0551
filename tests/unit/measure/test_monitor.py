"""Watching the machine while it is measured."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.host.power.meter import MeterDescription
from edgeloop.host.pseudofile import Reading
from edgeloop.measure import regime as regimes
from edgeloop.measure.monitor import HostSample, Monitor
from edgeloop.measure.observer import Silence
from edgeloop.measure.regime import Regime


class Meter:
    description = MeterDescription("fake", "nothing", "none")

    def __init__(self, *readings: Reading[float]) -> None:
        self._readings = list(readings)

    def read_w(self) -> Reading[float]:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


def zone(root: Path, millidegrees: int) -> None:
    folder = root / "sys/class/thermal/thermal_zone0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "type").write_text("cpu-thermal\n", encoding="utf-8")
    (folder / "temp").write_text(f"{millidegrees}\n", encoding="utf-8")


def wait_for(monitor: Monitor, count: int) -> None:
    deadline_s = time.monotonic() + 30
    while len(monitor.between(0, 1 << 62)) < count:
        assert time.monotonic() < deadline_s, "the monitor took no reading in 30 s"
        time.sleep(0.01)


def test_there_is_a_reading_at_once_and_more_follow(tmp_path: Path) -> None:
    zone(tmp_path, 48200)
    with Monitor(Meter(Reading(5.0)), tmp_path, interval_s=0.01) as monitor:
        assert monitor.latest.temperature_c == 48.2
        assert monitor.latest.power_w == 5.0
        wait_for(monitor, 3)
        first, *_, last = monitor.between(0, 1 << 62)
        assert monitor.between(first.taken_ns, first.taken_ns) == [first]
        assert first.taken_ns < last.taken_ns


def test_a_sensor_that_vanishes_or_fails_is_null_with_a_reason(tmp_path: Path) -> None:
    zone(tmp_path, 48200)
    meter = Meter(Reading(5.0), Reading(None, "the meter is gone"))
    with Monitor(meter, tmp_path, interval_s=0.01) as monitor:
        (tmp_path / "sys/class/thermal/thermal_zone0/temp").unlink()
        wait_for(monitor, 3)
        document = monitor.latest.as_dict()
    assert document["temperature_c"] is None
    assert document["power_w"] is None
    assert document["power_w_reason"] == "the meter is gone"


def test_a_slow_meter_is_read_less_often(tmp_path: Path) -> None:
    """Two milliseconds of CPU a reading may come every 0.4 s: half a per cent of a core."""

    class Slow(Meter):
        def read_w(self) -> Reading[float]:
            ends_ns = time.thread_time_ns() + 2_000_000
            while time.thread_time_ns() < ends_ns:
                pass
            return Reading(1.0)

    with Monitor(Slow(), tmp_path, interval_s=0.001) as monitor:
        wait_for(monitor, 3)
        times_ns = [sample.taken_ns for sample in monitor.between(0, 1 << 62)]
    # The first wait is the interval's own; later ones follow the cost.
    assert times_ns[2] - times_ns[1] >= 0.4e9


class Temperatures:
    """A monitor whose temperatures are given."""

    def __init__(self, *temperatures_c: float | None) -> None:
        self._temperatures_c = list(temperatures_c)

    @property
    def latest(self) -> HostSample:
        now_c = self._temperatures_c[0]
        if len(self._temperatures_c) > 1:
            self._temperatures_c.pop(0)
        return HostSample(0, now_c, (), None, (), None)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(regimes.time, "sleep", waits.append)
    return waits


def test_a_burst_waits_before_each_block_until_it_is_as_cool_as_at_the_start(
    no_waiting: list[float],
) -> None:
    regime = Regime("burst", None, Temperatures(40.0, 55.0, 48.0, 41.0, 41.0), Silence())
    assert regime.before_block() is True
    assert len(no_waiting) == 2
    assert regime.before_block() is False
    assert regime.soak_s(0) == 0.0


def test_a_target_counts_before_processes_and_not_before_blocks(no_waiting: list[float]) -> None:
    regime = Regime(None, 50.0, Temperatures(60.0, 60.0, 49.0), Silence())
    assert regime.before_block() is False
    regime.before_process()
    assert len(no_waiting) == 1


def test_a_board_that_does_not_cool_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_s = iter(range(0, 100_000, 100))
    monkeypatch.setattr(regimes.time, "monotonic", lambda: next(clock_s))
    said: list[str] = []
    observer = Silence()
    monkeypatch.setattr(observer, "phase", said.append, raising=False)
    regime = Regime("burst", 30.0, Temperatures(60.0), observer)
    assert regime.before_block() is True
    assert "still at 60.0 °C" in said[-1]


def test_without_a_sensor_nothing_can_be_cooled() -> None:
    with pytest.raises(NotAvailableError, match="no temperature sensor"):
        Regime("burst", None, Temperatures(None), Silence())
    assert Regime(None, None, Temperatures(None), Silence()).before_block() is False


def test_the_first_process_of_a_sustained_run_takes_up_heat() -> None:
    regime = Regime("sustained", None, Temperatures(40.0), Silence())
    assert regime.soak_s(0) >= 300.0
    assert 0 < regime.soak_s(1) < regime.soak_s(0)
