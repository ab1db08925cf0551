"""Signal-to-noise ratios against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeloop.metrics.snr import Snr, finite_or_none, snr_db


def test_noise_of_a_tenth_of_the_amplitude_is_20_db() -> None:
    signal = np.array([1.0, -1.0, 1.0, -1.0])
    assert snr_db(signal, signal * 1.1) == pytest.approx(20.0, abs=1e-9)


def test_rounding_a_full_range_sine_to_8_bits_gives_what_the_books_say() -> None:
    # 6.02 dB a bit + 1.76 dB for a full-scale sine (W. R. Bennett 1948); the steps are not quite
    # independent of the signal, hence the tolerance.
    signal = np.sin(np.arange(100_000) * 0.7312)
    step = 2.0 / 256
    assert snr_db(signal, np.rint(signal / step) * step) == pytest.approx(6.02 * 8 + 1.76, abs=0.1)


def test_no_difference_is_infinite() -> None:
    assert snr_db(np.ones(3), np.ones(3)) == math.inf
    assert finite_or_none(math.inf) is None


def test_a_signal_of_zeros_has_no_ratio() -> None:
    assert math.isnan(snr_db(np.zeros(3), np.ones(3)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_none_gives_no_number(bad: float) -> None:
    assert finite_or_none(snr_db(np.array([1.0, 2.0]), np.array([1.0, bad]))) is None


def test_pieces_sum_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(10, 7))
    other = signal + rng.normal(scale=0.01, size=signal.shape)
    pieces = Snr()
    for row, noisy in zip(signal, other):
        pieces.add(row, noisy)
    assert pieces.db == pytest.approx(snr_db(signal, other), abs=1e-9)


def test_small_integers_do_not_wrap() -> None:
    assert snr_db(np.array([200], np.uint8), np.array([100], np.uint8)) == pytest.approx(
        20 * math.log10(2), abs=1e-9
    )
