"""Sensors, trip points and cooling devices."""

from __future__ import annotations

from pathlib import Path

from edgeloop.host.thermal import cooling_devices, cpu_temperature, thermal_zones


def test_pi4_zone(pi4: Path) -> None:
    (zone,) = thermal_zones(pi4)
    assert (zone.type, zone.temperature_c, zone.limit_c) == ("cpu-thermal", 48.2, 110.0)
    assert zone.follows_silicon


def test_a_fan_is_no_limit(pi5: Path) -> None:
    (zone,) = thermal_zones(pi5)
    assert [trip.type for trip in zone.trips] == ["active", "active", "critical"]
    assert zone.limit_c == 110.0


def test_rock5_takes_the_hottest_cpu_sensor_and_the_first_passive_trip(rock5: Path) -> None:
    temperature = cpu_temperature(rock5)
    assert (temperature.temperature_c, temperature.source) == (43.0, "littlecore-thermal")
    assert {zone.limit_c for zone in thermal_zones(rock5)} == {75.0}


def test_jetson_sensors_that_are_none_are_not_believed(jetson_nano: Path) -> None:
    zones = {zone.type: zone for zone in thermal_zones(jetson_nano)}
    assert zones["GPU-therm"].temperature_c is None
    assert "-256 °C" in (zones["GPU-therm"].temperature_c_reason or "")
    assert not zones["PMIC-Die"].follows_silicon
    assert cpu_temperature(jetson_nano).source == "CPU-therm"


def test_a_pc_prefers_the_package_to_acpi_and_ignores_trips_that_are_off(container: Path) -> None:
    assert cpu_temperature(container).source == "x86_pkg_temp"
    assert thermal_zones(container)[1].limit_c is None


def test_amd_pc_is_read_from_hwmon(container: Path) -> None:
    (container / "sys/class/thermal/thermal_zone1/type").write_text("iwlwifi_1\n")
    hwmon = container / "sys/class/hwmon/hwmon3"
    hwmon.mkdir(parents=True)
    (hwmon / "name").write_text("k10temp\n")
    (hwmon / "temp1_input").write_text("63250\n")
    temperature = cpu_temperature(container)
    assert (temperature.temperature_c, temperature.source) == (63.25, "hwmon k10temp")


def test_cooling_devices_in_the_kernels_order(rock5: Path) -> None:
    little, big, fan = cooling_devices(rock5)
    assert (big.type, big.state, big.max_state) == ("cpufreq-cpu4", 0, 9)
    assert (big.transitions, big.time_in_state_ms) == (6, (3501117, 1000))
    assert (little.slows_cpu, big.slows_cpu, fan.slows_cpu) == (True, True, False)
    assert fan.name == "cooling_device10"
    assert fan.transitions is None
    assert "total_trans" in (fan.transitions_reason or "")


def test_a_zone_that_fails_to_read_says_why(pi4: Path) -> None:
    temperature = pi4 / "sys/class/thermal/thermal_zone0/temp"
    temperature.unlink()
    temperature.mkdir()  # reading fails, as it does of a sensor whose power is off
    (zone,) = thermal_zones(pi4)
    assert zone.temperature_c is None
    assert "directory" in (zone.temperature_c_reason or "")
    assert cpu_temperature(pi4).source == "hwmon cpu_thermal"


def test_no_sensor_at_all(guest: Path) -> None:
    temperature = cpu_temperature(guest)
    assert temperature.temperature_c is None
    assert temperature.temperature_c_reason
    assert thermal_zones(guest) == ()
