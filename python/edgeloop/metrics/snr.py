"""Signal-to-noise ratio of a quantised model's values against the float model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


class Snr:
    """Sums up signal and noise piece by piece, so that no tensor need be kept."""

    def __init__(self) -> None:
        self._power = 0.0
        self._noise = 0.0

    def add(self, signal: npt.NDArray[Any], quantised: npt.NDArray[Any]) -> None:
        """Take two arrays of the same shape, as real values."""
        real = np.asarray(signal, dtype=np.float64)
        noise = real - np.asarray(quantised, dtype=np.float64)
        self._power += float(np.sum(real * real))
        self._noise += float(np.sum(noise * noise))

    @property
    def db(self) -> float:
        """10 log10(Σ signal² / Σ (signal − quantised)²), in dB.

        +inf where nothing differs; NaN where the signal is zero throughout or not finite.
        """
        if self._power == 0.0 or not np.isfinite(self._power + self._noise):
            return float("nan")
        if self._noise == 0.0:
            return float("inf")
        return float(10.0 * np.log10(self._power / self._noise))


def snr_db(signal: npt.NDArray[Any], quantised: npt.NDArray[Any]) -> float:
    """Return the ratio over all values of two arrays; see `Snr.db`."""
    snr = Snr()
    snr.add(signal, quantised)
    return snr.db


def finite_or_none(value: float) -> Optional[float]:
    """Return what JSON can hold."""
    return value if np.isfinite(value) else None
