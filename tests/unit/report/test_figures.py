from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.results.figures import duration, duration_interval, percent, size

SCALES = {"s": 1e9, "ms": 1e6, "µs": 1e3, "ns": 1.0}


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [
        (0, "0.000 ns"),
        (0.25, "0.250 ns"),
        (2.219, "2.219 ns"),
        (9.9996, "10.00 ns"),
        (99.996, "100.0 ns"),
        (163_200, "163.2 µs"),
        (999.949, "999.9 ns"),
        (999.951, "1.000 µs"),
        (999_940, "999.9 µs"),
        (999_950, "1.000 ms"),
        (999_950.1, "1.000 ms"),
        (999_999_999, "1.000 s"),
        (12_410_000, "12.41 ms"),
        (1e9, "1.000 s"),
        (59.996e9, "60.00 s"),
        (12_345.6e9, "12346 s"),
        (-0.0001, "0.000 ns"),
        (-2_500, "-2.500 µs"),
        (-999_950.1, "-1.000 ms"),
    ],
)
def test_durations(value_ns: float, text: str) -> None:
    assert duration(value_ns) == text


@given(st.floats(1.0, 9.9e12))
def test_a_duration_has_four_digits_and_says_its_value(value_ns: float) -> None:
    number, unit = duration(value_ns).split(" ")
    assert len(number.replace(".", "")) == 4
    assert float(number) * SCALES[unit] == pytest.approx(value_ns, rel=5.1e-4)
    assert unit == "s" or float(number) < 1000


@given(st.floats(1e-3, 9.9e12))
def test_a_negative_duration_is_the_positive_one_with_a_sign(value_ns: float) -> None:
    positive = duration(value_ns)
    zero = float(positive.split(" ", maxsplit=1)[0]) == 0
    assert duration(-value_ns) == (positive if zero else f"-{positive}")


@pytest.mark.parametrize(
    ("value_ns", "interval_ns", "text"),
    [
        (12_410_000, (12_380_000, 12_460_000), "12.41 ms [12.38, 12.46]"),
        (999_900, (980_000, 1_020_000), "999.9 µs [980.0, 1020.0]"),
        (999_951, (980_000, 1_020_000), "1.000 ms [0.980, 1.020]"),
        (1_000_000, (None, 1_100_000), "1.000 ms [-∞, 1.100]"),
        (1_000_000, (900_000, None), "1.000 ms [0.900, ∞]"),
        (-12, (-20.5, 3), "-12.00 ns [-20.50, 3.00]"),
        (-12, (-20.5, -0.001), "-12.00 ns [-20.50, 0.00]"),
        (5, None, "5.000 ns"),
    ],
)
def test_an_interval_has_the_unit_and_the_decimals_of_its_value(
    value_ns: float, interval_ns: tuple[float | None, float | None] | None, text: str
) -> None:
    assert duration_interval(value_ns, interval_ns) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.00 %"),
        (0.01234, "1.23 %"),
        (0.09996, "10.0 %"),
        (0.1234, "12.3 %"),
        (0.9996, "100 %"),
        (12.34, "1234 %"),
        (-0.0123, "-1.23 %"),
        (-0.00001, "0.00 %"),
    ],
)
def test_percentages(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (43_468, "42.4 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (1023 * 1024, "1023.0 KiB"),
        (1 << 20, "1.0 MiB"),
        ((1 << 30) - 1, "1.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_sizes(value_bytes: int, text: str) -> None:
    assert size(value_bytes) == text


@given(st.integers(0, 1 << 60))
def test_a_size_has_one_number_and_one_unit(value_bytes: int) -> None:
    match = re.fullmatch(r"(\d+\.?\d?) (B|KiB|MiB|GiB)", size(value_bytes))
    assert match is not None
    scale = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]]
    assert float(match[1]) * scale == pytest.approx(value_bytes, rel=0.051)
